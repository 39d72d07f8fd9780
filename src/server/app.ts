/** Health, readiness and metrics as a hono app: what is served, not where (listen.ts). */
import { Hono } from "hono";
import { messageOf } from "../lib/errors.ts";
import type { Metrics } from "../lib/metrics.ts";

/** One thing that must be well. */
export interface Check {
  readonly name: string;
  /** Why it is not well, in one line, or undefined when it is. */
  failing(): string | undefined | Promise<string | undefined>;
}

/** What an app serves; a part that is left out answers 404. */
export interface AppParts {
  readonly health?: {
    /** Fails when only a restart helps: then the kubelet ends the pod. */
    readonly live?: readonly Check[];
    /** Fails while the program can't do its work. */
    readonly ready: readonly Check[];
  };
  readonly metrics?: { readonly path: string; readonly source: Metrics };
}

/** The app of the given parts: /healthz, /readyz and the metrics' path. */
export function createApp(parts: AppParts): Hono {
  const app = new Hono();
  const { health, metrics } = parts;
  if (health) {
    app.get("/healthz", (context) => answer(context.json, health.live ?? []));
    app.get("/readyz", (context) => answer(context.json, health.ready));
  }
  if (metrics) {
    app.get(metrics.path.startsWith("/") ? metrics.path : `/${metrics.path}`, async (context) => {
      return context.body(await metrics.source.text(), 200, { "content-type": metrics.source.contentType });
    });
  }
  app.notFound((context) => context.text("not found\n", 404));
  app.onError((error, context) => context.text(`${messageOf(error)}\n`, 500));
  return app;
}

/** 200 when all checks pass, 503 when one does not; the body says of each what it found. */
async function answer(
  json: (body: Record<string, unknown>, status: 200 | 503) => Response,
  checks: readonly Check[],
): Promise<Response> {
  const results = await Promise.all(checks.map(async (check) => [check.name, await resultOf(check)] as const));
  const failing = results.filter(([, reason]) => reason !== undefined);
  const body = {
    status: failing.length === 0 ? "ok" : "failing",
    checks: Object.fromEntries(results.map(([name, reason]) => [name, reason ?? "ok"])),
  };
  return json(body, failing.length === 0 ? 200 : 503);
}

/** A check that throws is one that fails. */
async function resultOf(check: Check): Promise<string | undefined> {
  try {
    return await check.failing();
  } catch (error) {
    return messageOf(error);
  }
}
