/** The doctor on a simulated system: what it does when all is well, what it reads, what it prints. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { CHECKS } from "../../src/doctor/checks/finding.ts";
import { SECRETS } from "../../src/k8s/resource.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";
import { deploy, of, only, visit } from "../support/doctor.ts";
import { healthy, LEASE, PATS, prepare } from "../support/doctor_story.ts";
import { RUNNER_NAMESPACE, SimSystem } from "../support/sim_system.ts";

const SET = `${RUNNER_NAMESPACE}/linux`;

test("a healthy system: every check is done, and nothing needs a person", () =>
  SimSystem.story({ leaderElection: true, credentials: PATS }, async (system) => {
    const key = { configMapKeyRef: { name: "authority", key: "ca.crt" } };
    await prepare(system);
    const proxy = { https: { url: "http://proxy.example:3128", credentialSecretRef: "proxy" } };
    await healthy(system, { proxy, githubServerTLS: { certificateFrom: key } });
    const before = system.world.kube.snapshot();
    const mark = system.world.timeline.count;
    const sessions = system.world.service.ledger.sessions.length;

    const visited = await visit(system);
    const bad = visited.findings.filter(({ state }) => state !== "ok");
    // The holder of the lease is no pod here, which the doctor rightly notes.
    assert.deepEqual(bad.map(({ check, state }) => `${state} ${check}`), ["note lease"]);
    assert.equal(visited.exitCode, 0);
    assert.deepEqual([...new Set(visited.findings.map(({ check }) => check))], [...CHECKS], "in this order");

    const asked = system.requests(mark).filter(({ client }) => client === "arc-doctor").map(({ what }) => what);
    assert.ok(asked.length > 50, "it asks");
    assert.deepEqual(asked.filter((what) => !/^(get|list) |^create (self)?subject\w*reviews$/.test(what)), []);
    const github = system.requests(mark).filter(({ client }) => client === "gha-scale-set-controller");
    const posts = github.map(({ what }) => what).filter((what) => !what.startsWith("GET "));
    assert.deepEqual(posts, [
      "POST /orgs/acme/actions/runners/registration-token",
      "POST /actions/runner-registration",
    ]);
    assert.equal(system.world.service.ledger.sessions.length, sessions, "no session is opened");
    assert.deepEqual(unversioned(system.world.kube.snapshot()), unversioned(before), "nothing is changed");
    for (const secret of [SIMULATED_PAT, "s3cret-word", "let-me-in"]) assert.ok(!visited.text.includes(secret));
  }));

/** Without the lease, which its holder renews. */
function unversioned({ leases: _, ...objects }: ReturnType<SimSystem["world"]["kube"]["snapshot"]>) {
  return objects;
}

test("for people: a line each, with the way out, and a summary", () =>
  SimSystem.story({ leaderElection: true }, async (system) => {
    await healthy(system);
    await system.done(system.kubectl.delete(SECRETS, { namespace: RUNNER_NAMESPACE, name: "github" }));
    const { text, exitCode } = await visit(system, {}, "text");
    assert.equal(exitCode, 1);
    assert.match(
      text,
      /^fix +secret +arc-runners\/linux: .*there is no secret arc-runners\/github -> kubectl -n arc-runners create secret/m,
    );
    assert.match(text, /^ok +api-server +kube\.sim: Kubernetes v/m);
    assert.match(text, /^1 thing needs a person: \d+ checks, \d+ ok, \d+ note, 1 fix, \d+ not checked\n$/m);
  }));

test("a session that somebody else holds is told by the embedded listener", () =>
  SimSystem.story({ listenerMode: "embedded" }, async (system) => {
    await deploy(system, { args: ["--listener-mode=embedded"] });
    const id = await system.scaleSet("linux");
    assert.equal(only(await visit(system), "session", SET).state, "ok");
    assert.equal(only(await visit(system), "listener", SET).message, "the controller listens itself");
    for (let second = 0; second < 20; second++) {
      system.world.service.controls.stealSession(id, "another-cluster");
      await system.run(1_000);
    }
    const told = only(await visit(system), "session", SET);
    assert.equal(told.state, "fix");
    assert.match(told.message, /another-cluster/);
  }));

test("no controller has ever been here", () =>
  SimSystem.story({ controllers: 0 }, async (system) => {
    await system.createScaleSet("linux");
    await system.run(120_000);
    const visited = await visit(system);
    assert.match(only(visited, "controller").message, /no controller has taken up arc-runners\/linux/);
    assert.match(only(visited, "scale-set").message, /not registered yet; GitHub has none of its name/);
    assert.match(only(visited, "listener").message, /nobody listens for it/);
    assert.equal(visited.exitCode, 1);
  }));

test("a cluster without scale sets needs nobody", () =>
  SimSystem.story({ leaderElection: true }, async (system) => {
    await deploy(system, { args: LEASE });
    await system.run(5_000);
    const visited = await visit(system);
    assert.equal(only(visited, "scale-sets").state, "note");
    assert.equal(visited.exitCode, 0);
  }));

test("scale sets with the same credentials share one way to GitHub", () =>
  SimSystem.story({ leaderElection: true }, async (system) => {
    await healthy(system);
    for (const name of ["second", "third"]) await system.scaleSet(name);
    const mark = system.world.timeline.count;
    const visited = await visit(system);
    assert.equal(of(visited, "scale-set").length, 3);
    const github = system.requests(mark).filter(({ client }) => client === "gha-scale-set-controller");
    const counts = (part: string) => github.filter(({ what }) => what.includes(part)).length;
    assert.deepEqual([counts("registration-token"), counts("/actions/runners")], [1, 2], "one token, and one list");
  }));

test("one namespace is looked at alone", () =>
  SimSystem.story({ leaderElection: true }, async (system) => {
    await healthy(system);
    const visited = await visit(system, { args: ["--namespace=elsewhere"] });
    assert.deepEqual(of(visited, "secret"), []);
    assert.equal(visited.exitCode, 0);
    assert.equal(system.objects(AUTOSCALING_RUNNER_SETS).length, 1);
  }));
