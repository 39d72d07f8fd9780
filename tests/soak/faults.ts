/** What goes wrong in a soak: a table of faults, one of which is drawn from time to time. */
import process from "node:process";
import { pathOf, PODS, refOf } from "../../src/k8s/resource.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { HttpResponse, Transport } from "../../src/lib/http.ts";
import { between, pick, type Random } from "../../src/lib/random.ts";
import type { PodFate } from "../../src/sim/kubelet/fate.ts";
import { editScaleSet, setTemplateVariable } from "../support/edit.ts";
import { LISTENER_NAMESPACE, SETS, type SoakWorld } from "./world.ts";

export interface SoakFault {
  readonly name: string;
  readonly weight: number;
  /** Ends a process whose figures are judged: not while they are. */
  readonly endsJudged?: boolean;
  /** Needs listeners that are processes of their own. */
  readonly podMode?: boolean;
  /** Resolves when it is over. @returns what it was, in words */
  apply(world: SoakWorld, random: Random): Promise<string>;
}

const STRUCK = SETS[1];

export const SOAK_FAULTS: readonly SoakFault[] = [
  ...[STRUCK, SETS[0]].flatMap((set): SoakFault[] => [
    onListener(`listener of ${set} killed`, set, killListener),
    onListener(`listener pod of ${set} deleted`, set, deletePod),
  ]),
  {
    name: "controller killed",
    weight: 3,
    endsJudged: true,
    apply: (world, random) => restart(world, random, "SIGKILL"),
  },
  {
    name: "controller stopped",
    weight: 1,
    endsJudged: true,
    apply: (world, random) => restart(world, random, "SIGTERM"),
  },
  {
    name: "API server restarted",
    weight: 1.5,
    async apply({ cluster }) {
      await cluster.plane.restart("kube-apiserver");
      return "";
    },
  },
  { name: "watches cut", weight: 2, apply: async ({ door }) => `${door.cut()} connections` },
  {
    name: "API server unreachable for the controller",
    weight: 1,
    async apply({ door }, random) {
      const state = pick(random, ["refused", "silent"] as const);
      door.set(state);
      const ms = await pause(random, 2_000, 20_000);
      door.set("open");
      if (state === "silent") door.cut();
      return `${state} for ${ms} ms`;
    },
  },
  service("service answers 500", 1.5, () => reply(500, "Internal Server Error")),
  service("service answers 401", 1.5, () => reply(401, "Unauthorized")),
  service("service answers 429", 1, () => reply(429, "Too Many Requests", { "retry-after": "2" })),
  service("service down", 1.5, () => {
    throw new Error("the service is down");
  }),
  service("service hangs", 1.5, (request) =>
    new Promise((_resolve, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true });
    })),
  onSet("session lost", 2, ({ cluster }, id) => cluster.service.controls.loseSession(id)),
  onSet(
    "session taken by another",
    0.5,
    ({ cluster }, id) => cluster.service.controls.stealSession(id, "somebody else"),
  ),
  onSet("messages sent again", 1, ({ cluster }, id) => cluster.service.controls.resendMessages(id)),
  {
    name: "tokens expired",
    weight: 1,
    async apply({ cluster }, random) {
      const kind = pick(random, ["admin", "queue"] as const);
      cluster.service.controls.expireTokens(kind);
      return kind;
    },
  },
  {
    name: "registrations vanish",
    weight: 1.5,
    async apply({ cluster }, random) {
      const idle = cluster.service.registrations().filter(({ busy }) => !busy).slice(0, between(random, 1, 3));
      for (const { name } of idle) cluster.service.controls.forgetRunner(name);
      return `${idle.length}`;
    },
  },
  onRunners("runner pods deleted", 2, ({ cluster }, uid) => cluster.kubelet.removeByHand(uid)),
  onRunners("runner pods evicted", 1, ({ cluster }, uid) => cluster.kubelet.evict(uid)),
  doomed("runner pods fail at start", 1, () => ({ kind: "exit", code: 1, afterMs: 50 })),
  doomed("runner pods refused by their node", 1, () => ({ kind: "rejected", reason: "OutOfcpu" })),
  doomed("runners out of memory", 1, (random) => ({
    kind: "exit-with-job",
    code: 137,
    afterMs: between(random, 50, 900),
    reason: "OOMKilled",
  })),
  {
    name: "node lost",
    weight: 0.6,
    async apply(world, random) {
      const kept = await nodeOf(world, SETS[0]);
      return loseNode(world, random, pick(random, world.cluster.kubelet.nodes.filter((node) => node !== kept)));
    },
  },
  {
    name: `node lost with the listener of ${SETS[0]}`,
    weight: 0.2,
    podMode: true,
    endsJudged: true,
    async apply(world, random) {
      const node = await nodeOf(world, SETS[0]);
      if (node === undefined) return "there was none";
      world.beforeEnd(world.listenerOf(SETS[0])?.pid);
      return loseNode(world, random, node);
    },
  },
  {
    name: "template changed",
    weight: 2,
    async apply(world, random) {
      const set = pick(random, SETS);
      const value = String(between(random, 1, 1_000_000));
      await editScaleSet(world.cluster, { name: set }, (spec) => setTemplateVariable(spec, "TEMPLATE", value));
      return set;
    },
  },
  {
    name: "limits changed",
    weight: 2,
    async apply(world, random) {
      const set = pick(random, SETS);
      const limits = { minRunners: between(random, 0, 4), maxRunners: between(random, 15, 40) };
      await editScaleSet(world.cluster, { name: set }, (spec) => Object.assign(spec, limits));
      return `${set} ${limits.minRunners} to ${limits.maxRunners}`;
    },
  },
];

/** One of the table, by weight. @param judged whether the time that is judged has begun */
export function drawFault(random: Random, mode: "pod" | "embedded", judged: boolean): SoakFault {
  const may = SOAK_FAULTS.filter(({ endsJudged, podMode }) =>
    !(judged && endsJudged) && !(podMode && mode === "embedded")
  );
  let left = random.next() * may.reduce((sum, { weight }) => sum + weight, 0);
  return may.find(({ weight }) => (left -= weight) < 0) ?? may[0]!;
}

function onSet(name: string, weight: number, act: (world: SoakWorld, id: number) => void): SoakFault {
  return {
    name,
    weight,
    async apply(world, random) {
      const set = pick(random, SETS);
      const id = world.setId(set);
      if (id !== undefined) act(world, id);
      return set;
    },
  };
}

function onRunners(name: string, weight: number, act: (world: SoakWorld, uid: string) => void): SoakFault {
  return {
    name,
    weight,
    async apply(world, random) {
      const running = world.cluster.kubelet.ledger.running().filter(({ role }) => role === "runner");
      const struck = running.slice(0, between(random, 1, 3));
      for (const { uid } of struck) act(world, uid);
      return `${struck.length}`;
    },
  };
}

function doomed(name: string, weight: number, fate: (random: Random) => PodFate): SoakFault {
  return {
    name,
    weight,
    async apply(world, random) {
      const count = between(random, 1, 3);
      world.doom(Array.from({ length: count }, () => fate(random)));
      return `${count}`;
    },
  };
}

function service(name: string, weight: number, answer: Transport): SoakFault {
  return {
    name,
    weight,
    async apply(world, random) {
      const ms = between(random, 2_000, 20_000);
      await world.serviceAnswers(ms, answer);
      return `for ${ms} ms`;
    },
  };
}

function onListener(
  name: string,
  set: string,
  act: (world: SoakWorld, set: string) => Promise<string>,
): SoakFault {
  return { name, weight: 1.5, podMode: true, endsJudged: set !== STRUCK, apply: (world) => act(world, set) };
}

async function killListener(world: SoakWorld, set: string): Promise<string> {
  const found = world.listenerOf(set);
  if (found) process.kill(found.pid, "SIGKILL");
  return found ? `${found.pid}` : "there was none";
}

async function deletePod(world: SoakWorld, set: string): Promise<string> {
  const pod = await listenerPod(world, set);
  if (!pod) return "there was none";
  world.beforeEnd(world.listenerOf(set)?.pid);
  await world.cluster.plane.call("DELETE", pathOf(PODS, LISTENER_NAMESPACE, refOf(pod).name));
  return refOf(pod).name;
}

async function listenerPod({ cluster }: SoakWorld, set: string) {
  return (await cluster.list(PODS)).find(({ metadata }) =>
    metadata.namespace === LISTENER_NAMESPACE && metadata.name.startsWith(`${set}-`)
  );
}

/** Where a set's listener is; undefined in mode embedded. */
async function nodeOf(world: SoakWorld, set: string): Promise<string | undefined> {
  return (await listenerPod(world, set))?.spec?.nodeName;
}

function loseNode({ cluster: { kubelet } }: SoakWorld, random: Random, node: string): string {
  kubelet.loseNode(node, between(random, 0, 10_000));
  return node;
}

async function restart(world: SoakWorld, random: Random, signal: "SIGKILL" | "SIGTERM"): Promise<string> {
  world.beforeEnd(world.controller.pid);
  const { code } = await world.controller.stop(signal);
  if (signal === "SIGTERM" && code !== 0) throw new Error(`the controller ended with ${code} when it was asked to`);
  const ms = await pause(random, 500, 5_000);
  await world.startController();
  return `away for ${ms} ms`;
}

async function pause(random: Random, least: number, most: number): Promise<number> {
  const ms = between(random, least, most);
  await systemClock.sleep(ms);
  return ms;
}

async function reply(status: number, text: string, headers: Record<string, string> = {}): Promise<HttpResponse> {
  async function* body() {
    yield new TextEncoder().encode(text);
  }
  return { status, headers, body: body() };
}
