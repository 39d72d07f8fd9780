/**
 * One contract for two servers: the real API server, whose answers are the truth, and the simulator, which is held to
 * them. The real one is left out, with a word, where KUBEBUILDER_ASSETS does not name its binaries.
 */
import { test } from "node:test";
import { haveControlPlane, whyNoControlPlane } from "../support/control_plane.ts";
import { builtIn } from "./cases/built_in.ts";
import { create, schema } from "./cases/create.ts";
import { apply, patches, strategic } from "./cases/patch.ts";
import { disruption } from "./cases/disruption.ts";
import { discovery } from "./cases/discovery.ts";
import { list } from "./cases/list.ts";
import { definitions, namespaces } from "./cases/namespaces.ts";
import { owners } from "./cases/owners.ts";
import { pods } from "./cases/pods.ts";
import { get, selectors } from "./cases/read.ts";
import { finalizers, remove } from "./cases/remove.ts";
import { tables } from "./cases/tables.ts";
import { status, update } from "./cases/update.ts";
import { compaction, watch } from "./cases/watch.ts";
import { type Case, Contract, type Target } from "./support/contract.ts";
import { GADGET_CRD } from "./support/gadget_crd.ts";
import { real, simulated } from "./support/targets.ts";

const TABLES: Record<string, Record<string, Case>> = {
  create,
  schema,
  get,
  list,
  selectors,
  tables,
  discovery,
  watch,
  update,
  status,
  patches,
  strategic,
  apply,
  remove,
  finalizers,
  pods,
  disruption,
  owners,
  namespaces,
  definitions,
  builtIn,
  compaction,
};

/** Cases of the real server that run at once. The last table, compaction, runs alone. */
const AT_ONCE = 12;

interface NamedCase {
  readonly title: string;
  readonly run: Case;
  readonly alone: boolean;
}

const CASES: readonly NamedCase[] = Object.entries(TABLES).flatMap(([name, cases]) =>
  Object.entries(cases).map(([title, run]) => ({ title: `${name}: ${title}`, run, alone: cases === compaction }))
);

for (const { title, run } of CASES) {
  test(`simulator: ${title}`, async () => {
    const target = simulated();
    await prepare(target);
    await inNamespace(target, run, "case");
  });
}

if (haveControlPlane()) testRealServer();

test("the contract says how much it checked", () => {
  const onReal = haveControlPlane()
    ? `${CASES.length} against the real API server`
    : `none against a real one: ${whyNoControlPlane()}`;
  console.log(`contract: ${CASES.length} cases against the simulator, ${onReal}`);
});

/** All cases start with the first test, many at once: most of their time is waiting for controllers. */
function testRealServer(): void {
  let starting: Promise<Map<string, Promise<void>>> | undefined;
  let stop = () => Promise.resolve();
  const results = () => {
    starting ??= (async () => {
      const target = await real();
      stop = target.stop;
      await prepare(target);
      return startAll(target);
    })();
    return starting;
  };
  for (const { title } of CASES) {
    test(`real API server: ${title}`, { timeout: 300_000 }, async () => await (await results()).get(title));
  }
  test("real API server: stops", async () => {
    await results();
    await stop();
  });
}

function startAll(target: Target): Map<string, Promise<void>> {
  const results = new Map<string, Promise<void>>();
  const lanes: Promise<void>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  CASES.forEach(({ title, run, alone }, index) => {
    const before = alone ? Promise.all(lanes) : lanes[index % AT_ONCE]!;
    const result = before.then(() => inNamespace(target, run, `case-${index}`));
    results.set(title, result);
    // a failure is told by its own test; the next case of the lane starts all the same
    const done = result.catch(() => {});
    if (alone) lanes.fill(done);
    else lanes[index % AT_ONCE] = done;
  });
  return results;
}

async function prepare(target: Target): Promise<void> {
  const server = new Contract(target, "default");
  await server.made("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", GADGET_CRD);
  await server.eventually("the kind is served", async () => {
    const answer = await server.send("POST", server.gadgets(), {
      apiVersion: "contract.example.com/v1",
      kind: "Gadget",
      metadata: { name: "first" },
      spec: { size: 1 },
    });
    return answer.status === 201;
  });
}

async function inNamespace(target: Target, run: Case, namespace: string): Promise<void> {
  const server = new Contract(target, namespace);
  await server.made("/api/v1/namespaces", { metadata: { name: namespace } });
  await run(server);
}
