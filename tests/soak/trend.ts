/** Whether something grows: a least-squares line through the floors of a series. Pure. */

/** A value at a moment, in seconds from the beginning. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  /** Of the line, per hour. */
  readonly perHour: number;
  /** By how much it has surely grown over the time that was looked at: the line at its flattest, 99 % of the time. */
  readonly surely: number;
  readonly first: number;
  readonly last: number;
  readonly points: number;
}

/** One-sided 99 % of Student's distribution, by degrees of freedom from 1 on. */
const STUDENT = [31.82, 6.96, 4.54, 3.75, 3.36, 3.14, 3, 2.9, 2.82, 2.76, 2.72, 2.68, 2.65, 2.62, 2.6];

/** The lowest value of each window: what comes and goes with the load is not what stays. */
export function floorsOf(points: readonly Point[], windowSeconds: number): Point[] {
  const windows = new Map<number, Point>();
  for (const point of points) {
    const window = Math.floor(point.at / windowSeconds);
    const lowest = windows.get(window);
    if (!lowest || point.value < lowest.value) windows.set(window, point);
  }
  return [...windows.values()].sort((a, b) => a.at - b.at);
}

/** The line through at least three points; undefined when there are fewer. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const count = points.length;
  if (count < 3) return undefined;
  const mean = (pick: (point: Point) => number) => points.reduce((sum, point) => sum + pick(point), 0) / count;
  const at = mean((point) => point.at);
  const value = mean((point) => point.value);
  const spread = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0);
  if (spread === 0) return undefined;
  const slope = points.reduce((sum, point) => sum + (point.at - at) * (point.value - value), 0) / spread;
  const rest = points.reduce((sum, point) => sum + (point.value - value - slope * (point.at - at)) ** 2, 0);
  const error = Math.sqrt(rest / (count - 2) / spread);
  const sure = slope - (STUDENT[count - 3] ?? 2.33) * error;
  const [first, last] = [points[0]!, points.at(-1)!];
  return {
    perHour: slope * 3600,
    surely: Math.max(0, sure) * (last.at - first.at),
    first: first.value,
    last: last.value,
    points: count,
  };
}
