import { CredentialsError } from "../../github/auth.ts";
import { connect } from "../../github/client.ts";
import type { ActionsService } from "../../github/service.ts";
import type { UserAgent } from "../../github/user_agent.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Transport, TransportFactory } from "../../lib/http.ts";
import type { Log } from "../../lib/log.ts";
import { proxyPassword } from "../../lib/proxy.ts";
import type { Random } from "../../lib/random.ts";
import type { Secrets } from "../../lib/secrets.ts";
import { canonical } from "./drift.ts";
import { FairGate } from "./fair_gate.ts";
import { type GithubSource, type Services, SourceError } from "./services.ts";
import type { ResolvedSource, SourceReader } from "./source_reader.ts";

export interface ServicesPoolOptions {
  readonly reader: SourceReader;
  readonly transports: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly userAgent: UserAgent;
  /** Learns the credentials, for as long as there is a client that uses them. */
  readonly secrets?: Secrets;
  /** A source has content that it has not had, or not lately. */
  readonly onNew?: () => void;
  /** JIT configurations asked for at the same time with one credential. Default 50. */
  readonly parallelJit?: number;
  /** For tests: what makes a client. */
  readonly connect?: typeof connect;
}

/**
 * Clients that nobody has asked for are dropped when more than this many are known: more than there are repositories
 * with scale sets of their own, for a client that is made anew looks like other credentials to those who wait for them.
 */
const KEPT_CLIENTS = 4096;

/**
 * One client per config URL, credentials, proxy and authority, whoever uses it: the admin token is fetched once for
 * all. A source whose content has changed gets another client at once.
 */
export class ServicesPool implements Services {
  readonly #options: ServicesPoolOptions;
  /** By the content of the source, the one used last at the end. */
  readonly #clients = new Map<string, { readonly service: ActionsService; readonly secret: readonly string[] }>();

  constructor(options: ServicesPoolOptions) {
    this.#options = options;
  }

  async of(source: GithubSource): Promise<ActionsService> {
    const resolved = await this.#options.reader.read(source);
    const content = canonical({ ...resolved, configUrl: resolved.configUrl.href });
    const known = this.#clients.get(content);
    const client = known ?? this.#connect(resolved, source);
    this.#clients.delete(content);
    this.#clients.set(content, client);
    if (this.#clients.size > KEPT_CLIENTS) this.#dropOldest();
    if (!known) this.#options.onNew?.();
    return client.service;
  }

  refresh(source: GithubSource): void {
    this.#options.reader.forget(source);
  }

  #dropOldest(): void {
    const [content, { secret }] = this.#clients.entries().next().value!;
    this.#clients.delete(content);
    for (const value of secret) this.#options.secrets?.remove(value);
  }

  #connect(resolved: ResolvedSource, source: GithubSource) {
    const { transports, clock, random, log, userAgent, parallelJit = 50 } = this.#options;
    const { configUrl, credentials } = resolved;
    const transport = transportOf(resolved, transports);
    try {
      const make = this.#options.connect ?? connect;
      const service = fairly(make({ configUrl, credentials, transport, clock, random, log, userAgent }), parallelJit);
      const secret = secretsIn(resolved);
      for (const value of secret) this.#options.secrets?.add(value);
      return { service, secret };
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      const message = `secret ${source.namespace}/${source.githubConfigSecret}: ${error.message}`;
      throw new SourceError("SecretInvalid", message, error);
    }
  }
}

/** What nobody may read of a source. */
function secretsIn({ credentials, proxy }: ResolvedSource): string[] {
  const passwords = [proxy.http, proxy.https].map((url) => URL.canParse(url) ? proxyPassword(new URL(url)) : "");
  return [credentials.kind === "pat" ? credentials.token : credentials.privateKey, ...passwords];
}

/** The way to a source's GitHub: through its proxies, by its authorities. */
export function transportOf(resolved: ResolvedSource, transports: TransportFactory): Transport {
  const { proxy, ca } = resolved;
  return transports({
    ...(ca === "" ? {} : { ca }),
    ...(proxy.http === "" && proxy.https === "" ? {} : { proxy: proxySettingsOf(resolved) }),
  });
}

function proxySettingsOf({ proxy }: ResolvedSource) {
  return { http: proxy.http || undefined, https: proxy.https || undefined, noProxy: proxy.noProxy || undefined };
}

/** The same service; scale sets take turns when more JIT configurations are wanted than may be asked for at a time. */
function fairly(service: ActionsService, parallelJit: number): ActionsService {
  const gate = new FairGate(parallelJit);
  return {
    ...service,
    generateJitConfig: (id, runner, options) =>
      gate.run(String(id), () => service.generateJitConfig(id, runner, options), options?.signal),
  };
}
