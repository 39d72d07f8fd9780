/** Files that others replace while we run: secrets and config maps that the kubelet mounts, tokens that rotate. */
import type { Clock } from "./clock.ts";

/** What {@link watchText} needs. */
export interface WatchOptions {
  readonly clock: Clock;
  readText(path: string): Promise<string>;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Called once each time the file turns unreadable; the last text stays in force. */
  readonly onUnreadable?: (error: unknown) => void;
}

/**
 * Yields a file's text whenever it differs from the one before, beginning with `known` (when it is undefined, the first
 * text that can be read is yielded too). It looks at the text, not at inodes or times: a kubelet swaps a symlink two
 * levels up, and no notification says so. The files are small. Ends when the signal is aborted.
 */
export async function* watchText(path: string, known: string | undefined, options: WatchOptions) {
  const { clock, everyMs, signal, onUnreadable } = options;
  let last = known;
  let readable = true;
  for (; !signal.aborted; await rest(clock, everyMs, signal)) {
    let text: string;
    try {
      text = await options.readText(path);
    } catch (error) {
      if (readable) onUnreadable?.(error);
      readable = false;
      continue;
    }
    readable = true;
    if (text === last) continue;
    last = text;
    yield text;
  }
}

/** Waits, and does not throw when the signal cuts the wait short. */
async function rest(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
