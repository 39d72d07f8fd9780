/** Vaults as a process reaches them. */
import { readFile } from "node:fs/promises";
import { Backoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { TransportFactory } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { FileError, type Runtime } from "../lib/runtime.ts";
import { VaultError } from "../vault/vault.ts";
import { Vaults } from "../vault/vaults.ts";
import { throughProxyOf } from "./transports.ts";

/** The vaults of a process; without a proxy of their own they are reached through the environment's. */
export function vaultsOf(io: Runtime, transports: TransportFactory, log: Log): Vaults {
  const { clock, random, readText, env } = io;
  return new Vaults({
    transports: throughProxyOf(env, transports),
    clock,
    random,
    log,
    readText,
    readBytes,
    authorityHost: env["AZURE_AUTHORITY_HOST"] || undefined,
  });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FileError(path, error);
  }
}

/** From a vault that can't be reached to the next try. */
const WAIT = { firstMs: 1000, maxMs: 60_000, jitter: 0.2 };

/**
 * What `read` gives, tried again for as long as a vault can't be reached. Undefined when the signal comes first.
 * @throws what `read` throws for any other reason
 */
export async function readPatiently(
  read: () => Promise<string>,
  { clock, random, signal, complain }: {
    readonly clock: Clock;
    readonly random: Random;
    readonly signal: AbortSignal;
    /** Told once: waiting has begun. */
    readonly complain: (error: VaultError) => void;
  },
): Promise<string | undefined> {
  const backoff = new Backoff(WAIT, random);
  while (!signal.aborted) {
    try {
      return await read();
    } catch (error) {
      if (!VaultError.is(error, "Unreachable")) throw error;
      if (backoff.failures === 0) complain(error);
    }
    try {
      await clock.sleep(backoff.next(), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  return undefined;
}
