/** What happens to GitHub and its Actions Service, and to the way there. */
import { between, pick } from "../../lib/random.ts";
import type { SeenRequest } from "../network.ts";
import { type Fault, type FaultTarget, onRequests } from "./fault.ts";

const toGithub = ({ server }: SeenRequest) => server.startsWith("github");
const polls = (request: SeenRequest) =>
  toGithub(request) && /\/_apis\/runtime\/messages\/\d+$/.test(request.url.pathname);
const registrations = (request: SeenRequest) =>
  toGithub(request) && request.url.pathname.endsWith("/generatejitconfig");
const deletions = (request: SeenRequest) => toGithub(request) && request.method === "DELETE";
const calls = (request: SeenRequest) => toGithub(request) && !polls(request);

export const GITHUB_FAULTS: readonly Fault[] = [
  onRequests("github error 500", 3, toGithub, (random) => ({
    effect: { kind: "status", status: 500, text: "Internal Server Error" },
    times: between(random, 1, 4),
    forMs: 10_000,
  })),
  onRequests("github bad gateway 502", 2, toGithub, (random) => ({
    effect: { kind: "status", status: 502, text: "<html><body>502 Bad Gateway</body></html>" },
    times: between(random, 1, 4),
    forMs: 10_000,
  })),
  onRequests("github limit 429", 2, toGithub, (random) => ({
    effect: { kind: "status", status: 429, text: "Too Many Requests", headers: { "retry-after": "2" } },
    times: between(random, 1, 4),
    forMs: 10_000,
  })),
  onRequests("github hangs", 1, calls, (random) => ({
    effect: { kind: "hang" },
    times: between(random, 1, 2),
    forMs: 10_000,
  })),
  onRequests("github poll hangs", 1, polls, () => ({ effect: { kind: "hang" }, times: 1, forMs: 60_000 })),
  onRequests("github connection reset", 2, toGithub, (random) => ({
    effect: { kind: "fail", failure: "reset" },
    times: between(random, 1, 4),
    forMs: 10_000,
  })),
  onRequests("github message lost on the way", 2, polls, () => ({
    effect: { kind: "lose-answer" },
    times: 1,
    forMs: 60_000,
  })),
  onRequests("github registration answer lost", 2, registrations, (random) => ({
    effect: { kind: "lose-answer" },
    times: between(random, 1, 3),
    forMs: 10_000,
  })),
  onRequests("github deletion answer lost", 1, deletions, () => ({
    effect: { kind: "lose-answer" },
    times: 1,
    forMs: 10_000,
  })),
  onRequests("github registration slow", 2, registrations, (random) => ({
    effect: { kind: "slow", ms: between(random, 1_000, 8_000) },
    times: between(random, 1, 10),
    forMs: 10_000,
  })),
  onScaleSet("session lost", 2, ({ service }, id) => service.controls.loseSession(id)),
  onScaleSet("session taken by another", 1, ({ service }, id) => service.controls.stealSession(id, "somebody else")),
  onScaleSet("messages sent again", 3, ({ service }, id) => service.controls.resendMessages(id)),
  onScaleSet("message ids restart", 1, ({ service }, id) => service.controls.restartMessageIds(id, 100_000_000)),
  { name: "admin token expired", weight: 2, apply: ({ service }) => service.controls.expireTokens("admin") },
  { name: "queue token expired", weight: 2, apply: ({ service }) => service.controls.expireTokens("queue") },
  {
    name: "statistics late",
    weight: 2,
    apply(target, random) {
      const { behaviour } = target.service;
      if (behaviour.statisticsLagMs > 0) return "pending"; // they are late already
      behaviour.statisticsLagMs = between(random, 300, 1_500);
      target.later(between(random, 10_000, 60_000), () => {
        behaviour.statisticsLagMs = 0;
      });
    },
  },
];

function onScaleSet(name: string, weight: number, act: (target: FaultTarget, id: number) => void): Fault {
  return {
    name,
    weight,
    apply(target, random) {
      const ids = target.service.controls.scaleSetIds();
      if (ids.length === 0) return "pending";
      act(target, pick(random, ids));
    },
  };
}
