import type { JobEventBody, ScaleSetState } from "./model.ts";
import { statisticsOf, type WireStatistics } from "./model.ts";
import type { Realm } from "./realm.ts";
import type { TokenKind } from "./tokens.ts";

/** What can befall the service: for tests and for faults. Ids are those of scale sets, unless it says otherwise. */
export class ServiceControls {
  readonly #realm: Realm;

  constructor(realm: Realm) {
    this.#realm = realm;
  }

  /** The ids of all scale sets. */
  scaleSetIds(): number[] {
    return [...this.#realm.scaleSets.keys()];
  }

  /** The true counters of a scale set. @throws RangeError when there is none */
  statistics(id: number): WireStatistics {
    return statisticsOf(this.#set(id));
  }

  /** The session ends, as if it had timed out: its poll is answered 404. */
  loseSession(id: number): void {
    const set = this.#realm.scaleSets.get(id);
    if (set) this.#realm.closeSession(set, "closed");
  }

  /** Somebody else takes the session, and holds it until it has idled out. */
  stealSession(id: number, owner: string): void {
    const set = this.#realm.scaleSets.get(id);
    if (!set) return;
    this.#realm.closeSession(set, "closed");
    this.#realm.openSession(set, owner);
  }

  /** Every message that nobody has deleted is sent again, now. */
  resendMessages(id: number): void {
    this.#realm.scaleSets.get(id)?.queue.rewind();
  }

  /** The ids of new messages count up from here. */
  restartMessageIds(id: number, from: number): void {
    this.#realm.scaleSets.get(id)?.queue.restartIds(from);
  }

  /** An event of a kind that nobody knows is told. */
  sendStrangeEvent(id: number): void {
    const event = { messageType: "JobReconsidered", jobId: "strange", runnerRequestId: 0 } as unknown as JobEventBody;
    this.#realm.scaleSets.get(id)?.queue.push(event);
  }

  /** A message of a kind that nobody knows is sent. */
  sendStrangeMessage(id: number): void {
    this.#realm.scaleSets.get(id)?.queue.pushStrange();
  }

  /** Ends all tokens of a kind before their time. */
  expireTokens(kind: TokenKind): void {
    this.#realm.tokens.revoke(kind);
  }

  /** A personal access token is revoked, or restored. */
  revokePat(token: string, revoked = true): void {
    if (revoked) this.#realm.revokedPats.add(token);
    else this.#realm.revokedPats.delete(token);
  }

  /** The scale set is deleted at GitHub behind its owner's back. */
  forgetScaleSet(id: number): void {
    const set = this.#realm.scaleSets.get(id);
    if (set) this.#realm.removeScaleSet(set);
  }

  /** An idle or offline runner is removed at GitHub behind its owner's back. @param name the runner's */
  forgetRunner(name: string): void {
    for (const set of this.#realm.scaleSets.values()) {
      for (const agent of set.agents.values()) {
        if (agent.name === name && !agent.job) this.#realm.removeAgent(agent, "service");
      }
    }
  }

  /** Registers a runner of this name in a scale set, as somebody else would. */
  registerRunner(id: number, name: string): number {
    return this.#realm.addAgent(this.#set(id), name).id;
  }

  /** The count of assigned jobs is too high by this many, or too low; jobs that run are counted in any case. */
  setPhantomJobs(id: number, count: number): void {
    this.#set(id).phantomJobs = count;
  }

  /** The version of runners that start from now on is deprecated, or not any more. */
  refuseVersion(refused: boolean): void {
    this.#realm.behaviour.runnerDeprecated = refused;
  }

  /** An assigned job that no runner has taken goes back to the queue. @param jobId the job's */
  giveBack(jobId: string): void {
    this.#realm.board.giveBack(jobId);
  }

  /** Adds a runner group to every tenant that there is, and to those that come. */
  addRunnerGroup(name: string): void {
    this.#realm.addGroup(name);
  }

  #set(id: number): ScaleSetState {
    const set = this.#realm.scaleSets.get(id);
    if (!set) throw new RangeError(`there is no scale set ${id}`);
    return set;
  }
}
