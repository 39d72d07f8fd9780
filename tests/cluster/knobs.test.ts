/** What the API server makes of the settings that ARC does not have: nonsense is refused, in words. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS } from "../../src/api/kinds.ts";
import { CronSchedule } from "../../src/lib/cron.ts";
import { type KubeObject, pathOf, type Resource } from "../../src/k8s/resource.ts";
import { type ControlPlane, controlPlane, whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";

const why = whyNoControlPlane();
const FOLDER = fileURLToPath(new URL("../../crds/", import.meta.url));
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let plane: ControlPlane;
let count = 0;

before(async () => {
  if (why !== undefined) return;
  plane = await controlPlane();
  for (const file of readdirSync(FOLDER).filter((name) => /runnersets/.test(name))) {
    const made = await plane.call("POST", CRDS, load(readFileSync(FOLDER + file, "utf8")));
    assert.equal(made.status, 201, `${file}: ${made.text}`);
  }
  for (const kind of [AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS] as Resource<KubeObject>[]) {
    const served = async () => (await plane.call("GET", pathOf(kind, "default"))).status === 200;
    await eventually(`${kind.plural} are served`, served);
  }
});

after(() => plane?.stop());

function onCluster(name: string, check: () => Promise<void>): void {
  test(`settings: ${name}`, { skip: why ?? false }, check);
}

async function apply(spec: unknown): Promise<{ readonly status: number; readonly text: string }> {
  const kind = AUTOSCALING_RUNNER_SETS;
  const metadata = { name: `linux-${++count}` };
  const body = { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata, spec };
  const { status, text } = await plane.call("POST", `${pathOf(kind, "default")}?fieldValidation=Strict`, body);
  return { status, text: status < 300 ? text : (JSON.parse(text) as { message: string }).message };
}

const during = (override: object) => ({
  scheduledOverrides: [{ schedule: "0 18 * * 1-5", duration: "8h", minRunners: 1, ...override }],
});

const SCHEDULES = [
  "0 18 * * 1-5",
  "*/15 0-6,22-23 * * *",
  "0 0 1 JAN,jul *",
  "30 2 L * *",
  "0 9 * * MON#1",
  "0 9 15W * ?",
  "0 0 * * SUN",
  "0 0 * * 7",
  "5  4  *  *  *",
];

onCluster("what makes sense is let in", async () => {
  const sensible = [
    { paused: true },
    { disruption: {} },
    { disruption: { protectBusy: true } },
    { disruption: { protectBusy: false } },
    { paused: false, runnerPolicy: {}, scheduledOverrides: [] },
    {
      runnerPolicy: {
        maxIdleSeconds: 3600,
        maxLifetimeSeconds: 86400,
        pendingTimeoutSeconds: 300,
        maxFailures: 3,
        failureBackoffSeconds: 10,
        scaleDownDelaySeconds: 0,
        historyLimit: 0,
      },
    },
    during({ maxRunners: 5, timeZone: "Europe/Berlin", duration: "1h30m" }),
    during({ timeZone: "UTC", duration: "0.5h" }),
    during({ timeZone: "America/Argentina/Buenos_Aires", duration: "8784h" }),
    during({ maxRunners: 0, minRunners: 0 }),
    {
      scheduledOverrides: Array.from({ length: 32 }, () => ({ schedule: "0 0 * * *", duration: "1m", maxRunners: 1 })),
    },
    ...SCHEDULES.map((schedule) => during({ schedule })),
  ];
  for (const spec of sensible) {
    const { status, text } = await apply(spec);
    assert.equal(status, 201, `${JSON.stringify(spec)}: ${text}`);
  }
});

test("settings: the schedules that are let in can be used", () => {
  for (const schedule of SCHEDULES) assert.ok(new CronSchedule(schedule, "UTC").next(0) !== undefined, schedule);
});

onCluster("nonsense is refused, and the answer says what is wrong", async () => {
  const five = /schedule must be a cron expression of five fields, as in "0 18 \* \* 1-5"/;
  const zone = /timeZone must be UTC or the IANA name of a time zone, as in Europe\/Berlin/;
  const duration = /duration must be like "8h" or "1h30m", from 1m to 8784h/;
  const refused: [spec: unknown, says: RegExp][] = [
    [{ paused: "yes" }, /spec\.paused.*boolean/],
    [{ disruption: true }, /spec\.disruption.*object/],
    [{ disruption: { protectBusy: "yes" } }, /spec\.disruption\.protectBusy.*boolean/],
    [{ disruption: { protectbusy: true } }, /unknown field "spec\.disruption\.protectbusy"/],
    [{ runnerPolicy: { maxIdleSeconds: 0 } }, /spec\.runnerPolicy\.maxIdleSeconds.*greater than or equal to 60/],
    [{ runnerPolicy: { maxIdleSeconds: -1 } }, /greater than or equal to 60/],
    [{ runnerPolicy: { pendingTimeoutSeconds: 5 } }, /pendingTimeoutSeconds.*greater than or equal to 30/],
    [{ runnerPolicy: { maxFailures: 0 } }, /maxFailures.*greater than or equal to 1/],
    [{ runnerPolicy: { failureBackoffSeconds: 7200 } }, /failureBackoffSeconds.*less than or equal to 3600/],
    [{ runnerPolicy: { scaleDownDelaySeconds: -1 } }, /scaleDownDelaySeconds.*greater than or equal to 0/],
    [{ runnerPolicy: { historyLimit: 1000 } }, /historyLimit.*less than or equal to 100/],
    [{ runnerPolicy: { maxIdleSecond: 60 } }, /unknown field "spec\.runnerPolicy\.maxIdleSecond"/],
    [
      { runnerPolicy: { maxIdleSeconds: 600, maxLifetimeSeconds: 300 } },
      /maxIdleSeconds must not be more than maxLifetimeSeconds/,
    ],
    [{ scheduledOverrides: [{ duration: "8h", minRunners: 1 }] }, /scheduledOverrides\[0\]\.schedule.*Required/],
    [{ scheduledOverrides: [{ schedule: "0 0 * * *", minRunners: 1 }] }, /scheduledOverrides\[0\]\.duration.*Required/],
    [
      { scheduledOverrides: [{ schedule: "0 0 * * *", duration: "8h" }] },
      /an override must set minRunners, maxRunners or both/,
    ],
    [during({ minRunners: 5, maxRunners: 3 }), /minRunners of an override must not be more than its maxRunners/],
    [during({ minRunners: -1 }), /minRunners.*greater than or equal to 0/],
    [during({ schedule: "every day" }), five],
    [during({ schedule: "0 18 * *" }), five],
    [during({ schedule: "0 0 18 * * 1" }), five],
    [during({ schedule: "60 18 * * *" }), five],
    [during({ schedule: "0 24 * * *" }), five],
    [during({ schedule: "0 0 32 * *" }), five],
    [during({ schedule: "0 0 * 13 *" }), five],
    [during({ schedule: "0 0 * * 8" }), five],
    [during({ schedule: "*/0 * * * *" }), five],
    [during({ schedule: "" }), five],
    [during({ timeZone: "Mars/Phobos" }), zone],
    [during({ timeZone: "Local" }), zone],
    [during({ timeZone: "+02:00" }), zone],
    [during({ timeZone: "CET " }), zone],
    [during({ duration: "8" }), duration],
    [during({ duration: "8 hours" }), duration],
    [during({ duration: "-8h" }), duration],
    [during({ duration: "30s" }), duration],
    [during({ duration: "1d" }), duration],
    [during({ duration: "9000h" }), duration],
    [
      { scheduledOverrides: Array.from({ length: 33 }, () => during({}).scheduledOverrides[0]) },
      /must have at most 32/,
    ],
  ];
  for (const [spec, says] of refused) {
    const { status, text } = await apply(spec);
    assert.ok(status === 422 || status === 400, `${JSON.stringify(spec)} is let in`);
    assert.match(text, says, JSON.stringify(spec));
  }
});
