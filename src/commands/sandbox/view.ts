/** What a person sees of a running sandbox: a table that is drawn over itself, or a line now and then. Pure. */

/** One scale set at one moment. */
export interface SetRow {
  readonly name: string;
  /** What its EphemeralRunnerSet asks for; undefined before there is one. */
  readonly desired: number | undefined;
  /** Runner pods by what the simulated nodes and the service say of them. */
  readonly pending: number;
  readonly idle: number;
  readonly busy: number;
  /** Jobs by the service's books. */
  readonly queued: number;
  readonly running: number;
  readonly done: number;
}

/** Everything that is shown. Times in milliseconds. */
export interface Snapshot {
  readonly elapsedMs: number;
  readonly sets: readonly SetRow[];
  readonly jobs: number;
  readonly queueP50Ms: number | undefined;
  readonly queueP95Ms: number | undefined;
  /** Faults that were felt, by name. */
  readonly faults: ReadonlyMap<string, number>;
  /** The newest last. */
  readonly events: readonly string[];
}

const COLUMNS = ["scale set", "desired", "pending", "idle", "busy", "queued", "running", "done"] as const;
const SHOWN_EVENTS = 5;
const SHOWN_SETS = 20;
/** Head line, titles, what is left out, faults, empty lines between them, and the cursor's own. */
const FRAME_LINES = 8;

/** The lines of the table, none wider than `columns` characters, no more than fit on a terminal of `height` lines. */
export function tableOf(snapshot: Snapshot, columns: number, height = Infinity): string[] {
  const shown = Math.min(SHOWN_SETS, Math.max(1, height - SHOWN_EVENTS - FRAME_LINES));
  const rows = snapshot.sets.slice(0, shown).map(cellsOf);
  const widths = COLUMNS.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]!)).join("  ");
  const more = snapshot.sets.length - rows.length;
  return [
    headline(snapshot),
    "",
    line(COLUMNS),
    ...rows.map(line),
    ...(more > 0 ? [`and ${more} more`] : []),
    "",
    ...(snapshot.faults.size > 0 ? [`faults: ${faultsOf(snapshot.faults)}`, ""] : []),
    ...snapshot.events.slice(-SHOWN_EVENTS),
  ].map((text) => text.length > columns ? `${text.slice(0, columns - 1)}…` : text);
}

/** One line for logs and pipes. */
export function lineOf(snapshot: Snapshot): string {
  const sets = snapshot.sets.slice(0, SHOWN_SETS).map((set) =>
    `${set.name}: desired ${set.desired ?? "-"}, runners ${set.pending}/${set.idle}/${set.busy}, ` +
    `jobs ${set.queued}/${set.running}/${set.done}`
  );
  return [headline(snapshot), ...sets].join("; ");
}

/** What the numbers of {@link lineOf} mean. */
export const LINE_LEGEND = "runners are pending/idle/busy, jobs are queued/running/done";

/** `1 JobLost, 3 PodEvicted`. */
export function faultsOf(faults: ReadonlyMap<string, number>): string {
  return [...faults].map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}

/** Milliseconds for people: `850 ms`, `1.2 s`. */
export function durationOf(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function headline({ elapsedMs, sets, jobs, queueP50Ms, queueP95Ms }: Snapshot): string {
  const done = sets.reduce((sum, set) => sum + set.done, 0);
  const waits = `queue time p50 ${durationOf(queueP50Ms)}, p95 ${durationOf(queueP95Ms)}`;
  return `${(elapsedMs / 1000).toFixed(1).padStart(6)} s  ${done} of ${jobs} jobs done, ${waits}`;
}

function cellsOf(set: SetRow): string[] {
  const { name, desired, pending, idle, busy, queued, running, done } = set;
  return [name, desired?.toString() ?? "-", ...[pending, idle, busy, queued, running, done].map(String)];
}
