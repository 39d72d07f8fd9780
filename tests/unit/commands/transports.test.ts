import assert from "node:assert/strict";
import { test } from "node:test";
import { throughProxyOf } from "../../../src/commands/transports.ts";
import type { TransportOptions } from "../../../src/lib/http.ts";

function asked(env: Record<string, string>, options: TransportOptions): TransportOptions {
  let seen: TransportOptions = {};
  throughProxyOf(env, (given) => {
    seen = given;
    return () => Promise.reject(new Error("nobody calls here"));
  })(options);
  return seen;
}

const ENV = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "10.0.0.0/8" };

test("a scale set without a proxy is reached through the environment's", () => {
  const { proxy, ca } = asked(ENV, { ca: "PEM" });
  assert.deepEqual([proxy?.https, proxy?.noProxy, ca], ["http://proxy:3128", "10.0.0.0/8", "PEM"]);
});

test("one that has its own is reached through that alone", () => {
  const own = { https: "http://other:3128" };
  assert.deepEqual(asked(ENV, { proxy: own }), { proxy: own });
});
