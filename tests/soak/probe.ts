/**
 * What a process of the program holds, looked at from outside by Node's inspector: memory after a full collection, open
 * sockets and files, timers, and the entries of every Map and Set that is alive. The program knows nothing of it: it is
 * started with {@link PROBE_ENV} and woken by a signal.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { systemClock } from "../../src/lib/clock.ts";
import { usageOf } from "../support/program.ts";
import { eventually } from "../support/eventually.ts";

/** The environment of a process that is to be probed: each gets a port of its own. */
export const PROBE_ENV = { NODE_OPTIONS: "--inspect-port=127.0.0.1:0" };

/** Everything that is counted of a process; megabytes or pieces. */
export interface Held {
  readonly "rss MB": number;
  /** Of JavaScript, after a full collection. */
  readonly "heap MB": number;
  readonly sockets: number;
  readonly files: number;
  readonly timers: number;
  /** What else keeps the event loop alive. */
  readonly handles: number;
  readonly "map entries": number;
  readonly "set entries": number;
}

/** A large Map or Set, for people: its size, and one of its keys. */
export interface Large {
  readonly kind: "Map" | "Set";
  readonly size: number;
  readonly key: string;
}

/** Run in the process: the sizes of all collections of a kind. Prototypes of classes derived from it have no size. */
const SIZES = `function () {
  const all = this.filter((each) => {
    try {
      return each.size >= 0;
    } catch {
      return false;
    }
  });
  const large = all.filter((each) => each.size >= 20).sort((a, b) => b.size - a.size).slice(0, 12);
  const keyOf = (each) => {
    const key = each.keys().next().value;
    return typeof key === "string" ? key.slice(0, 60) : typeof key;
  };
  return {
    entries: all.reduce((sum, each) => sum + each.size, 0),
    large: large.map((each) => ({ size: each.size, key: keyOf(each) })),
  };
}`;
const PROCESS = `(() => {
  const info = process.getActiveResourcesInfo();
  const timers = info.filter((name) => name === "Timeout").length;
  return { heap: process.memoryUsage().heapUsed, timers, handles: info.length - timers };
})()`;

interface Reply {
  readonly id: number;
  readonly error?: { readonly message: string };
  readonly result?: Remote;
}

interface Remote {
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
  readonly result?: { readonly objectId?: string; readonly value?: unknown };
  readonly objects?: { readonly objectId?: string };
}

interface Sizes {
  readonly entries: number;
  readonly large: readonly { readonly size: number; readonly key: string }[];
}

const ANSWER_MS = 30_000;

export class Probe {
  readonly pid: number;
  /** The largest collections at the last look. */
  large: readonly Large[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #next = 1;

  private constructor(pid: number, socket: WebSocket) {
    this.pid = pid;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  /** Wakes a process's inspector. @param log what the process, and those before it, have written so far */
  static async of(pid: number, log: () => string): Promise<Probe> {
    const urls = () => [...log().matchAll(/Debugger listening on (ws:\S+)/g)].map(([, url]) => url!);
    await eventually(`${pid} can be woken`, async () => catchesWake(pid));
    const before = urls().length;
    process.kill(pid, "SIGUSR1");
    const url = await eventually(`the inspector of ${pid} answers`, async () => urls()[before]);
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve(), { once: true });
      socket.addEventListener("error", () => reject(new Error(`no connection to ${url}`)), { once: true });
    });
    return new Probe(pid, socket);
  }

  /** Looks once; takes the process a fraction of a second. @throws Error when it has ended */
  async look(): Promise<Held> {
    await this.#send("HeapProfiler.collectGarbage");
    const maps = await this.#sizes("Map");
    const sets = await this.#sizes("Set");
    this.large = [
      ...maps.large.map((each) => ({ kind: "Map" as const, ...each })),
      ...sets.large
        .map((each) => ({ kind: "Set" as const, ...each })),
    ];
    await this.#send("Runtime.releaseObjectGroup", { objectGroup: GROUP });
    await this.#send("HeapProfiler.collectGarbage");
    const { result } = await this.#send("Runtime.evaluate", { expression: PROCESS, returnByValue: true });
    const { heap, timers, handles } = result?.value as { heap: number; timers: number; handles: number };
    return {
      "rss MB": usageOf(this.pid).rssMb,
      "heap MB": heap / 2 ** 20,
      ...openFiles(this.pid),
      timers,
      handles,
      "map entries": maps.entries,
      "set entries": sets.entries,
    };
  }

  close(): void {
    this.#socket.close();
  }

  async #sizes(kind: "Map" | "Set"): Promise<Sizes> {
    const expression = `${kind}.prototype`;
    const { result } = await this.#send("Runtime.evaluate", { expression, objectGroup: GROUP });
    const query = { prototypeObjectId: result?.objectId, objectGroup: GROUP };
    const { objects } = await this.#send("Runtime.queryObjects", query);
    const call = { objectId: objects?.objectId, functionDeclaration: SIZES, returnByValue: true };
    return (await this.#send("Runtime.callFunctionOn", call)).result?.value as Sizes;
  }

  #send(method: string, params: Record<string, unknown> = {}): Promise<Remote> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        late.cancel();
        this.#waiting.delete(id);
        this.#socket.removeEventListener("close", gone);
        reject(new Error(`${method} on ${this.pid}: ${why}`));
      };
      const gone = () => fail("the process has ended");
      const late = systemClock.after(ANSWER_MS, () => fail("no answer"));
      this.#socket.addEventListener("close", gone);
      this.#waiting.set(id, ({ error, result = {} }) => {
        const { exceptionDetails: thrown } = result;
        if (error || thrown) return fail(error?.message ?? thrown?.exception?.description ?? thrown?.text ?? "");
        late.cancel();
        this.#socket.removeEventListener("close", gone);
        resolve(result);
      });
      if (this.#socket.readyState !== WebSocket.OPEN) return gone();
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

const GROUP = "probe";
/** SIGUSR1 in a mask of signals. */
const WAKE = 1n << 9n;

/** A process that is too young to catch the signal would die of it. */
function catchesWake(pid: number): boolean {
  const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${caught}`) & WAKE) !== 0n;
}

function openFiles(pid: number): { readonly sockets: number; readonly files: number } {
  const names = readdirSync(`/proc/${pid}/fd`);
  const isSocket = (name: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:");
    } catch {
      return false; // it was closed in this moment
    }
  };
  return { sockets: names.filter(isSocket).length, files: names.length };
}
