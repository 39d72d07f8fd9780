import { faultNames } from "./fault_table.ts";
import { planOf } from "./plan.ts";
import { runWorld } from "./run_world.ts";
const args = process.argv.slice(2);
const opt = (n: string, d: number) => {
  const i = args.indexOf(`--${n}`);
  return i < 0 ? d : Number(args[i + 1]);
};
const from = opt("from", 1), n = opt("seeds", 20), one = opt("seed", 0);
const t0 = process.cpuUsage();
for (let s = one || from; s < (one ? one + 1 : from + n); s++) {
  const c = process.cpuUsage();
  const o = await runWorld(
    planOf(s, faultNames()),
    one ? { logLevel: args.includes("--debug") ? "debug" : "info", timelineLines: 100000 } : { timelineLines: 0 },
  );
  const u = process.cpuUsage(c);
  if (one && args.includes("--objects")) {
    for (
      const k of ["autoscalingrunnersets", "ephemeralrunnersets", "autoscalinglisteners", "ephemeralrunners", "pods"]
    ) console.log(k, JSON.stringify(o.objects[k] ?? [], null, 1));
  }
  if (one) console.log(o.timeline.slice(-opt("lines", 200)).join("\n"));
  if (o.violation || one || args.includes("-v")) {
    console.log(
      s,
      o.violation ?? "ok",
      Math.round((u.user + u.system) / 1000),
      "ms",
      Math.round(o.atMs / 1000),
      o.figures,
      o.plan.faults.length,
      o.plan.listenerMode,
      o.plan.controllers,
    );
  }
}
const t = process.cpuUsage(t0);
console.log((t.user + t.system) / 1e6);
