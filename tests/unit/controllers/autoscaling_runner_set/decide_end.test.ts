/** How a scale set ends, row by row. */
import { ROLES, SECRETS } from "../../../../src/k8s/resource.ts";
import { serviceError } from "../../../support/memory_service.ts";
import { table } from "../../../support/table.ts";
import {
  checkRow,
  DELETING,
  gone,
  held,
  IDLE,
  noted,
  NOW,
  protectedBy,
  type Row,
  running,
  seen,
  unnamed,
  unregistering,
} from "../../../support/observed_set.ts";

table<Row>("decide", {
  "deletion: the listener first": {
    seen: seen({ ars: noted({ deletionTimestamp: DELETING }) }),
    why: "remove-listener",
    steps: ["delete AutoscalingListener"],
  },
  "deletion: the runners next, which first are held": {
    seen: seen({ ars: noted({ deletionTimestamp: DELETING }), listeners: [] }),
    why: "remove-runner-set",
    steps: ["patch EphemeralRunnerSet"],
  },
  "deletion: a runner set that is held goes, whoever holds it": {
    seen: seen({
      ars: noted({ deletionTimestamp: DELETING }),
      listeners: [],
      runnerSet: held("ephemeralrunnerset.actions.github.com/finalizer"),
    }),
    why: "remove-runner-set",
    steps: ["delete EphemeralRunnerSet"],
  },
  "deletion: a runner set of 0.14.2 too": {
    seen: seen({
      ars: noted({ deletionTimestamp: DELETING }),
      listeners: [],
      runnerSet: held("ephemeralrunner.actions.github.com/finalizer"),
    }),
    why: "remove-runner-set",
    steps: ["delete EphemeralRunnerSet"],
  },
  "deletion: runners that have outlived their runner set are waited for": {
    seen: gone({ hasRunners: true }),
    why: "runners-are-going",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "deletion: then the service": { seen: gone({}), why: "unregister", steps: ["unregister"] },
  "deletion: a registration under way is waited for": {
    seen: gone({ github: running }),
    why: "awaiting-service",
    steps: [],
  },
  "deletion: gone at the service": {
    seen: gone({ github: { ...IDLE, last: { call: unregistering, at: NOW, ok: true, result: undefined } } }),
    why: "forget-scale-set",
    steps: ["patch AutoscalingRunnerSet"],
  },
  "deletion: a service that fails is asked again later": {
    seen: gone({
      memory: { unregisteringSince: NOW - 10_000 },
      github: {
        failures: 2,
        retryAt: NOW + 4_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "service-failed",
    steps: ["event ServiceUnavailable", "patch AutoscalingRunnerSet status"],
    again: 4_000,
  },
  "deletion: five minutes are enough": {
    seen: gone({
      memory: { unregisteringSince: NOW - 300_000 },
      github: {
        failures: 9,
        retryAt: NOW + 60_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "give-up-scale-set",
    steps: ["event ScaleSetMayRemain", "patch AutoscalingRunnerSet"],
  },
  "deletion: five minutes are enough, those for the runners included": {
    seen: gone({
      gaveUp: { since: NOW - 320_000, at: NOW - 20_000 },
      memory: { unregisteringSince: NOW - 2_000 },
      github: {
        failures: 1,
        retryAt: NOW + 1_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "give-up-scale-set",
    steps: ["event ScaleSetMayRemain", "patch AutoscalingRunnerSet"],
  },
  "deletion: a service that stumbles long after it did not answer for the runners is asked again": {
    seen: gone({
      gaveUp: { since: NOW - 3_600_000, at: NOW - 3_300_000 },
      memory: { unregisteringSince: NOW - 2_000 },
      github: {
        failures: 1,
        retryAt: NOW + 1_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "service-failed",
    steps: ["event ServiceUnavailable", "patch AutoscalingRunnerSet status"],
    again: 1_000,
  },
  "deletion: protected objects, those with our rights last": {
    seen: gone({ ars: unnamed(), protectedObjects: [protectedBy(SECRETS, "gh"), protectedBy(ROLES, "mr", true)] }),
    why: "release-protected",
    steps: ["patch Secret"],
  },
  "deletion: rights are released one by one": {
    seen: gone({ ars: unnamed(), protectedObjects: [protectedBy(ROLES, "a", true), protectedBy(ROLES, "b", true)] }),
    why: "release-protected",
    steps: ["patch Role"],
  },
  "deletion: the finalizer at last": {
    seen: gone({ ars: unnamed() }),
    why: "remove-finalizer",
    steps: ["patch AutoscalingRunnerSet"],
  },
}, checkRow);
