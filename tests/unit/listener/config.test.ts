import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { ListenerConfigError, parseConfig } from "../../../src/listener/config.ts";
import { table } from "../../support/table.ts";

const GOLDEN =
  `{"configure_url":"https://github.com/acme/api","vault_type":"","vault_lookup_key":"","github_app_id":"","github_app_installation_id":0,"github_app_private_key":"","github_token":"ghp_x","ephemeral_runner_set_namespace":"arc-runners","ephemeral_runner_set_name":"linux","max_runners":10,"min_runners":0,"runner_scale_set_id":7,"runner_scale_set_name":"linux","server_root_ca":"","log_level":"debug","log_format":"text","metrics_addr":":8080","metrics_endpoint":"/metrics","metrics":null}`;
const KEY = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;
const APP = { github_token: "", github_app_id: "12", github_app_installation_id: 34, github_app_private_key: KEY };

const changed = (fields: object) => JSON.stringify({ ...JSON.parse(GOLDEN), ...fields });

test("the file that the reference's controller writes", () => {
  const { configUrl, ...config } = parseConfig(GOLDEN);
  assert.equal(configUrl.href, "https://github.com/acme/api");
  assert.deepEqual(config, {
    credentials: { kind: "pat", token: "ghp_x" },
    runnerSet: { namespace: "arc-runners", name: "linux" },
    scaleSetId: 7,
    scaleSetName: "linux",
    limits: { minRunners: 0, maxRunners: 10 },
    rootCa: "",
    logLevel: "debug",
    logFormat: "text",
    metricsAddr: ":8080",
    metricsEndpoint: "/metrics",
    metrics: undefined,
  });
});

table("files that are read", {
  "unknown fields are left alone": { fields: { future: { x: 1 } }, of: {} },
  "blanks around secrets do not count": {
    fields: { github_token: " ghp_x\n" },
    of: { credentials: { kind: "pat", token: "ghp_x" } },
  },
  "an app": {
    fields: { ...APP, github_app_id: " 12\n" },
    of: { credentials: { kind: "app", appId: "12", installationId: 34, privateKey: KEY.trim() } },
  },
  "nulls are absent": {
    fields: { server_root_ca: null, log_level: null, min_runners: null },
    of: { logLevel: "info" },
  },
  "a pause, whatever the least number is": {
    fields: { max_runners: 0, min_runners: 3 },
    of: { limits: { minRunners: 3, maxRunners: 0 } },
  },
  "no limit": { fields: { max_runners: 2147483647 }, of: { limits: { minRunners: 0, maxRunners: 2147483647 } } },
  "metrics off": { fields: { metrics_addr: "0" }, of: { metricsAddr: "" } },
  "levels in capitals": {
    fields: { log_level: "WARN", log_format: "JSON" },
    of: { logLevel: "warn", logFormat: "json" },
  },
  "metrics chosen": {
    fields: { metrics: { counters: { gha_started_jobs_total: { labels: ["repository"] } }, gauges: null } },
    of: {
      metrics: {
        counters: { gha_started_jobs_total: { labels: ["repository"] } },
        gauges: undefined,
      },
    },
  },
} as Record<string, { fields: object; of: object }>, ({ fields, of }) => {
  const config = parseConfig(changed(fields));
  for (const [name, value] of Object.entries(of)) {
    assert.deepEqual(config[name as keyof typeof config], value, name);
  }
});

table("files that are refused, by the field's path", {
  "nothing": { json: " ", says: /^config.json is empty$/ },
  "no JSON": { json: "ghp_TOPSECRET", says: /^config.json is not JSON$/ },
  "no URL": { json: changed({ configure_url: "" }), says: /^config.json: configure_url is missing$/ },
  "no config URL": {
    json: changed({ configure_url: "https://github.com" }),
    says: /^config.json: configure_url is not usable: /,
  },
  "no runner set": {
    json: changed({ ephemeral_runner_set_name: "" }),
    says: /^config.json: ephemeral_runner_set_name is missing$/,
  },
  "no namespace": {
    json: changed({ ephemeral_runner_set_namespace: undefined }),
    says: /^config.json: ephemeral_runner_set_namespace is missing$/,
  },
  "no scale set": { json: changed({ runner_scale_set_id: 0 }), says: /^config.json: runner_scale_set_id must be / },
  "a text for a number": { json: changed({ max_runners: "ten" }), says: /^config.json: max_runners is not usable: / },
  "a negative number": { json: changed({ min_runners: -1 }), says: /^config.json: min_runners is not usable: / },
  "max below min": {
    json: changed({ max_runners: 2, min_runners: 3 }),
    says: /^config.json: max_runners is 2, less than min_runners, which is 3$/,
  },
  "both credentials": {
    json: changed({ ...APP, github_token: "ghp_TOPSECRET" }),
    says: /^config.json: github_token is there and /,
  },
  "no credentials": { json: changed({ github_token: "" }), says: /^config.json: github_token is missing, and so / },
  "an app without its key": {
    json: changed({ ...APP, github_app_private_key: "" }),
    says: /^config.json: github_app_private_key is missing$/,
  },
  "an app without its installation": {
    json: changed({ ...APP, github_app_installation_id: 0 }),
    says: /^config.json: github_app_installation_id is missing$/,
  },
  "a key that is none": {
    json: changed({ ...APP, github_app_private_key: "TOPSECRET" }),
    says: /^config.json: github_app_private_key is not usable: /,
  },
  "a vault": {
    json: changed({ vault_type: "azure_key_vault" }),
    says: /^config.json: vault_type is azure_key_vault: /,
  },
  "a level that there is not": {
    json: changed({ log_level: "loud" }),
    says: /^config.json: log_level is not one of debug, /,
  },
  "metrics of another shape": {
    json: changed({ metrics: { counters: { gha_started_jobs_total: { labels: "all" } } } }),
    says: /^config.json: metrics.counters.gha_started_jobs_total.labels is not usable: /,
  },
} as Record<string, { json: string; says: RegExp }>, ({ json, says }) => {
  assert.throws(() => parseConfig(json), (error) => {
    assert.ok(error instanceof ListenerConfigError);
    assert.match(error.message, says);
    assert.ok(!error.message.includes("TOPSECRET"), "a secret in an error");
    assert.ok(!error.message.includes("\n"), "more than one line");
    return true;
  });
});
