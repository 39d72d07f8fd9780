/** Stories in which one thing goes wrong, and the doctor says so. */
import assert from "node:assert/strict";
import type { CheckName, State } from "../../src/doctor/checks/finding.ts";
import { CONFIG_MAPS, SECRETS } from "../../src/k8s/resource.ts";
import type { TransportFailure } from "../../src/lib/http.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";
import { deploy, of, type Visit, visit, type VisitOptions } from "./doctor.ts";
import { authority } from "./pki.ts";
import { RUNNER_NAMESPACE, SimSystem, type SystemOptions } from "./sim_system.ts";

export const LEASE = ["--enable-leader-election", "--leader-election-id=actions-runner-controller"];
export const PATS = { pats: [SIMULATED_PAT], scopes: { [SIMULATED_PAT]: ["admin:org", "repo"] } };
const CA = authority().ca;

/** A system that is well: a controller that leads, a scale set that is listened for, a runner. */
export async function healthy(system: SimSystem, spec: Parameters<SimSystem["scaleSet"]>[1] = {}): Promise<void> {
  await deploy(system, { args: LEASE });
  await system.scaleSet("linux", { minRunners: 1, ...spec });
  await system.until("a runner is idle", () => system.runners().some(({ status }) => status?.ready === true));
  await system.run(3_000);
}

/** What goes wrong, and what is said of it. */
export interface Failing {
  readonly options?: SystemOptions;
  readonly spec?: Parameters<SimSystem["scaleSet"]>[1];
  /** What goes wrong. */
  readonly break: (system: SimSystem) => Promise<unknown> | unknown;
  readonly visit?: VisitOptions;
  readonly check: CheckName;
  /** A part of the object's name. */
  readonly object?: string;
  readonly state?: State;
  readonly says: RegExp;
  readonly wayOut?: RegExp;
}

/** An object of the runners' namespace. */
export const ref = (name: string) => ({ namespace: RUNNER_NAMESPACE, name });
export const killControllers = (system: SimSystem) => system.controllers.forEach((controller) => controller.kill());

/** Nothing comes through to one of the world's servers. */
export function cut(
  system: SimSystem,
  server: string,
  failure: TransportFailure,
): void {
  const matches = (request: { server: string; client: string }) =>
    request.server.includes(server) && (server !== "kube" || request.client === "arc-doctor");
  system.world.network.inject({ name: `no way to ${server}`, effect: { kind: "fail", failure }, matches });
}

export async function setSecret(system: SimSystem, stringData: Record<string, string | null>): Promise<void> {
  await system.done(system.kubectl.delete(SECRETS, ref("github")));
  await system.createSecret("github", stringData as Record<string, string>);
}

/** Secrets and config maps that a spec refers to. */
export async function prepare(system: SimSystem): Promise<void> {
  await system.createSecret("proxy", { username: "me", password: "s3cret-word" });
  await system.done(system.kubectl.create(CONFIG_MAPS, { metadata: ref("authority"), data: { "ca.crt": CA } }));
}

/** Tells the story, lets the doctor look, and asserts that it says so. */
export async function assertSaid(example: Failing): Promise<void> {
  const { options = {}, spec, check, object = "", state = "fix", says, wayOut } = example;
  let visited: Visit | undefined;
  await SimSystem.story({ leaderElection: true, ...options }, async (system) => {
    await prepare(system);
    await healthy(system, spec);
    await example.break(system);
    visited = await visit(system, example.visit);
  });
  const found = of(visited!, check, object).filter((finding) => finding.state === state && says.test(finding.message));
  assert.equal(found.length, 1, JSON.stringify(visited!.findings.filter((each) => each.state !== "ok"), undefined, 1));
  if (wayOut) assert.match(found[0]!.wayOut ?? "", wayOut);
  assert.equal(visited!.exitCode, visited!.findings.some((finding) => finding.state === "fix") ? 1 : 0);
  if (state === "fix") assert.equal(visited!.exitCode, 1);
}
