/**
 * A door of plain TCP in front of a server: what goes through is not looked at (TLS stays between both ends), but
 * connections can be cut, and the way can be closed, as networks do it.
 */
import { connect, createServer, type Socket } from "node:net";

export interface TcpDoor {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Breaks every connection. @returns how many there were */
  cut(): number;
  /** `open`: all goes through; `refused`: connections break at once; `silent`: nothing comes through, nothing breaks. */
  set(state: DoorState): void;
  close(): Promise<void>;
}

export type DoorState = "open" | "refused" | "silent";

/** Opens a door to a port of this machine. */
export function tcpDoor(target: number): Promise<TcpDoor> {
  let state: DoorState = "open";
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((inner) => {
    if (state === "refused") return inner.destroy();
    const outer = connect(target, "127.0.0.1");
    const pair = [inner, outer] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [outer, inner] as const]) {
      from.setNoDelay(true);
      if (state === "open") from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  const cut = () => {
    const count = pairs.size;
    for (const [inner] of pairs) inner.resetAndDestroy();
    return count;
  };
  const set = (wanted: DoorState) => {
    const was = state;
    state = wanted;
    if (wanted === "refused") cut();
    if (wanted === "silent" && was === "open") {
      for (const [inner, outer] of pairs) {
        inner.unpipe(outer).pause();
        outer.unpipe(inner).pause();
      }
    }
    if (wanted === "open" && was === "silent") {
      for (const [inner, outer] of pairs) {
        inner.pipe(outer);
        outer.pipe(inner);
      }
    }
  };
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address ? address.port : 0,
        cut,
        set,
        close: () => {
          const closed = new Promise<void>((done) => server.close(() => done()));
          cut();
          return closed;
        },
      });
    });
  });
}
