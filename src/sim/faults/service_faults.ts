/** What each kind of call to GitHub and its Actions Service can meet: a product of kinds and effects, as data. */
import { between, type Random } from "../../lib/random.ts";
import type { NetworkEffect, SeenRequest } from "../network.ts";
import { type Fault, onRequests } from "./fault.ts";

const KINDS: Readonly<Record<string, (method: string, path: string) => boolean>> = {
  login: (_method, path) => /\/(registration-token|runner-registration)$/.test(path),
  "scale set": (_method, path) => /\/runnerscalesets(\/\d+)?$/.test(path),
  session: (_method, path) => /\/sessions(\/[^/]+)?$/.test(path),
  poll: (method, path) => method === "GET" && /\/messages\/\d+$/.test(path),
  "message deletion": (method, path) => method === "DELETE" && /\/messages\/\d+\/\d+$/.test(path),
  acquirejobs: (_method, path) => path.endsWith("/acquirejobs"),
  jitconfig: (_method, path) => path.endsWith("/generatejitconfig"),
  "runner look-up": (method, path) => method === "GET" && /\/agents(\/\d+)?$/.test(path),
  "runner removal": (method, path) => method === "DELETE" && /\/agents\/\d+$/.test(path),
};

const status = (code: number, text: string, headers?: Record<string, string>) => (): NetworkEffect => ({
  kind: "status",
  status: code,
  text,
  headers,
});

const EFFECTS: Readonly<Record<string, (random: Random) => NetworkEffect>> = {
  "500": status(500, "Internal Server Error"),
  "502": status(502, "<html><body>502 Bad Gateway</body></html>", { "content-type": "text/html" }),
  "429": status(429, "Too Many Requests", { "retry-after": "3" }),
  "401": status(401, "Unauthorized"),
  "404": status(404, "404 page not found"),
  "409": status(409, "Conflict"),
  "hangs": () => ({ kind: "hang" }),
  "reset": () => ({ kind: "fail", failure: "reset" }),
  "answer lost": () => ({ kind: "lose-answer" }),
  "slow": (random) => ({ kind: "slow", ms: between(random, 500, 15_000) }),
};

/** A registration that is said to be gone is gone: nobody could find out that the service was wrong. */
const NOT = ["runner look-up 404", "runner removal 404"];

/** Each comes as seldom as there are many; some services offer no jobs, and are never asked for any. */
const WEIGHT = 0.7;
const WEIGHTS: Readonly<Record<string, number>> = { acquirejobs: 1.4 };
const WAITS_MS = 600_000;

export const SERVICE_FAULTS: readonly Fault[] = Object.entries(KINDS).flatMap(([kind, matches]) =>
  Object.entries(EFFECTS).map(([what, effect]) =>
    onRequests(
      `${kind} ${what}`,
      WEIGHTS[kind] ?? WEIGHT,
      ({ server, method, url }: SeenRequest) => server.startsWith("github") && matches(method, url.pathname),
      (random) => ({ effect: effect(random), times: between(random, 1, 2), forMs: WAITS_MS }),
    )
  )
).filter(({ name }) => !NOT.includes(name));
