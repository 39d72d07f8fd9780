/**
 * GitHub with its Actions Service, as its clients see it, for any number of hosts. What it does not do: organisations
 * and repositories are not checked to exist, scopes and permissions are told and not enforced, runner groups have no access lists, a poll's
 * api-version is not compared, there are no rate limits but those that faults bring, and workflows are not modelled:
 * a job is a time span. A runner is told of its job at once.
 */
import type { Clock } from "../../lib/clock.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../lib/http.ts";
import type { Random } from "../../lib/random.ts";
import { jsonReply, textReply } from "../http.ts";
import type { ServiceBehaviour } from "./behaviour.ts";
import { ServiceControls } from "./controls.ts";
import { type Served, serveGithub } from "./github_routes.ts";
import { GITHUB_COM, type SimHost } from "./hosts.ts";
import type { JobSpec } from "./job_board.ts";
import type { ServiceLedger } from "./ledger.ts";
import type { Tenant, WireStatistics } from "./model.ts";
import { Realm } from "./realm.ts";
import { type Connection, connectRunner } from "./runner_link.ts";
import { serveTenant } from "./service_routes.ts";
import type { SimCredentials } from "./tokens.ts";

export interface ActionsServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Whom it lets in. Default: the personal access token `ghp_simulated`. */
  readonly credentials?: SimCredentials;
  /** Default: github.com. More can be added later: ports of loopback servers are known late. */
  readonly hosts?: readonly SimHost[];
  /** Where it differs from the default behaviour. */
  readonly behaviour?: Partial<ServiceBehaviour>;
}

/** A scale set, as the sandbox and reports show it. */
export interface ScaleSetView {
  readonly id: number;
  readonly name: string;
  readonly scope: string;
  readonly labels: readonly string[];
  readonly statistics: WireStatistics;
  readonly sessionOwner: string | undefined;
  /** Messages that nobody has deleted. */
  readonly messages: number;
}

/** The simulated GitHub. */
export class ActionsServiceSim {
  /** Answers every request that goes to one of its hosts. */
  readonly handle: Transport;
  /** What truly happened. */
  readonly ledger: ServiceLedger;
  /** What tests and faults do to it. */
  readonly controls: ServiceControls;
  readonly #realm: Realm;
  readonly #hosts: SimHost[];

  constructor(options: ActionsServiceOptions) {
    const credentials = options.credentials ?? { pats: ["ghp_simulated"] };
    this.#realm = new Realm({ ...options, credentials });
    this.#hosts = [...(options.hosts ?? [GITHUB_COM])];
    this.ledger = this.#realm.ledger;
    this.controls = new ServiceControls(this.#realm);
    this.handle = (request) => this.#answer(request);
  }

  /** How it behaves; changes count from the next call on. */
  get behaviour(): ServiceBehaviour {
    return this.#realm.behaviour;
  }

  /** Serves one more GitHub. */
  addHost(host: SimHost): void {
    this.#hosts.push(host);
  }

  /** Every origin that it serves: for a network's routes. */
  get origins(): string[] {
    return [
      ...new Set(this.#hosts.flatMap((host) => [host.apiUrl, host.serviceUrl]).map((url) => new URL(url).origin)),
    ];
  }

  /** Somebody pushes: a job waits for a scale set that has its labels. @returns its id */
  queueJob(job: JobSpec): string {
    return this.#realm.board.queue(job);
  }

  /** Somebody cancels a job. */
  cancel(jobId: string): void {
    this.#realm.board.cancel(jobId);
  }

  /** A runner's container has started. */
  connectRunner(encodedJitConfig: string): Connection {
    return connectRunner(this.#realm, encodedJitConfig);
  }

  /** The tokens that it has given out: what nobody may tell. */
  get tokens(): Iterable<string> {
    return this.#realm.tokens.all;
  }

  /** The scale sets that there are now. */
  scaleSets(): ScaleSetView[] {
    return [...this.#realm.scaleSets.values()].map((set) => ({
      id: set.id,
      name: set.name,
      scope: set.tenant.scope,
      labels: set.labels,
      statistics: this.controls.statistics(set.id),
      sessionOwner: this.#realm.liveSession(set)?.owner,
      messages: set.queue.size,
    }));
  }

  /** The registrations that there are now. */
  registrations(): { readonly id: number; readonly name: string; readonly busy: boolean }[] {
    return [...this.#realm.scaleSets.values()].flatMap((set) =>
      [...set.agents.values()].map(({ id, name, job }) => ({ id, name, busy: job !== undefined }))
    );
  }

  /** Stops its timers, so that a process can end. */
  close(): void {
    this.#realm.timers.close();
  }

  async #answer(request: HttpRequest): Promise<HttpResponse> {
    if (request.signal.aborted) throw request.signal.reason;
    const served = this.#route(request);
    const response = await served.response;
    this.ledger.count(served.kind, response.status);
    const ids = { "x-github-request-id": this.#realm.nextRequestId(), activityid: this.#realm.nextRequestId() };
    const date = new Date(this.#realm.clock.now()).toUTCString();
    return { ...response, headers: { ...response.headers, ...ids, date } };
  }

  #route(request: HttpRequest): Served {
    const url = new URL(request.url);
    const address = `${url.origin}${url.pathname}`;
    const tenant = this.#tenantAt(address);
    if (tenant) {
      const path = address.slice(tenant.serviceUrl.length);
      return serveTenant(this.#realm, tenant, path, url.searchParams, request);
    }
    const host = this.#hosts.find((candidate) => address.startsWith(`${candidate.apiUrl}/`));
    if (host) return serveGithub(this.#realm, host, address.slice(host.apiUrl.length), request);
    if (this.#hosts.some((candidate) => url.origin === new URL(candidate.serviceUrl).origin)) {
      return { kind: "unknown", response: textReply(404, "404 page not found\n") };
    }
    return { kind: "unknown", response: jsonReply(404, { message: "Not Found" }) };
  }

  #tenantAt(address: string): Tenant | undefined {
    for (const tenant of this.#realm.tenants.values()) if (address.startsWith(tenant.serviceUrl)) return tenant;
    return undefined;
  }
}
