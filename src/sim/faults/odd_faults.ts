/** What is seldom and nasty: a service that says odd things or forgets, an API server that starts anew, pods that nobody lets in. */
import { between, pick, type Random } from "../../lib/random.ts";
import type { SeenRequest } from "../network.ts";
import type { Fault, FaultTarget } from "./fault.ts";
import { onRequests } from "./fault.ts";
import { onNextPod } from "./node_faults.ts";

const toApi = ({ server, client }: SeenRequest) => server === "kube" && client !== "kubelet";

export const ODD_FAULTS: readonly Fault[] = [
  onScaleSet("scale set deleted at GitHub", 1, ({ service }, id) => service.controls.forgetScaleSet(id)),
  onScaleSet("event of an unknown kind", 1, ({ service }, id) => service.controls.sendStrangeEvent(id)),
  onScaleSet("message of an unknown kind", 1, ({ service }, id) => service.controls.sendStrangeMessage(id)),
  onScaleSet("message ids restart low", 1, ({ service }, id) => service.controls.restartMessageIds(id, 0)),
  onScaleSet("statistics too high", 1, (target, id, random) => miscount(target, id, between(random, 1, 3), random)),
  onScaleSet("statistics too low", 1, (target, id, random) => miscount(target, id, -between(random, 1, 3), random)),
  {
    name: "statistics null",
    weight: 1,
    apply({ service: { behaviour }, later }, random) {
      behaviour.withoutStatistics = true;
      later(between(random, 10_000, 120_000), () => {
        behaviour.withoutStatistics = false;
      });
    },
  },
  {
    name: "registration vanishes",
    weight: 2,
    apply({ service }, random) {
      const idle = service.registrations().filter(({ busy }) => !busy);
      if (idle.length === 0) return "pending";
      service.controls.forgetRunner(pick(random, idle).name);
    },
  },
  {
    name: "api server restarts",
    weight: 2,
    apply(target, random) {
      target.compact();
      target.network.cut(toApi);
      const effect = { kind: "fail", failure: "refused" } as const;
      const end = target.network.inject({ name: "api server restarts", matches: toApi, effect });
      target.later(between(random, 500, 20_000), end);
    },
  },
  onRequests(
    "pod refused by admission",
    1,
    (request) =>
      toApi(request) && request.method === "POST" && /\/namespaces\/arc-runners\/pods$/.test(request.url.pathname),
    (random) => ({ effect: DENIED, times: between(random, 1, 3), forMs: 60_000 }),
  ),
  onNextPod("runner ends at once without a job", 1, () => ({ kind: "exit", code: 0, afterMs: 500 })),
  onNextPod("runner version refused", 0.7, () => ({ kind: "exit", code: 7, afterMs: 500 })),
  onNextPod("configuration of a container is missing", 1, (random) => ({
    kind: "waiting",
    reason: "CreateContainerConfigError",
    message: 'secret "nothing" not found',
    forMs: between(random, 5_000, 60_000),
  })),
];

const DENIED = {
  kind: "status",
  status: 403,
  headers: { "content-type": "application/json" },
  text: JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'admission webhook "policy.example.com" denied the request: not today',
    reason: "Forbidden",
    code: 403,
  }),
} as const;

function onScaleSet(
  name: string,
  weight: number,
  act: (target: FaultTarget, id: number, random: Random) => void,
): Fault {
  return {
    name,
    weight,
    apply(target, random) {
      const ids = target.service.controls.scaleSetIds();
      if (ids.length === 0) return "pending";
      act(target, pick(random, ids), random);
    },
  };
}

/** The service counts so many assigned jobs too many for a while. */
function miscount({ service, later }: FaultTarget, id: number, by: number, random: Random): void {
  service.controls.setPhantomJobs(id, by);
  later(between(random, 5_000, 120_000), () => {
    if (service.controls.scaleSetIds().includes(id)) service.controls.setPhantomJobs(id, 0);
  });
}
