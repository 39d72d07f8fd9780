import { CredentialsError } from "../../github/auth.ts";
import { connect } from "../../github/client.ts";
import type { ActionsService } from "../../github/service.ts";
import type { UserAgent } from "../../github/user_agent.ts";
import type { Clock } from "../../lib/clock.ts";
import type { TransportFactory } from "../../lib/http.ts";
import type { Log } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
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
  /** JIT configurations asked for at the same time with one credential. Default 50. */
  readonly parallelJit?: number;
  /** For tests: what makes a client. */
  readonly connect?: typeof connect;
}

/** Clients that nobody has asked for are dropped when more than this many are known. */
const KEPT_CLIENTS = 256;

/**
 * One client per config URL, credentials, proxy and authority, whoever uses it: the admin token is fetched once for
 * all. A source whose content has changed gets another client at once.
 */
export class ServicesPool implements Services {
  readonly #options: ServicesPoolOptions;
  /** By the content of the source, the one used last at the end. */
  readonly #clients = new Map<string, ActionsService>();

  constructor(options: ServicesPoolOptions) {
    this.#options = options;
  }

  async of(source: GithubSource): Promise<ActionsService> {
    const resolved = await this.#options.reader.read(source);
    const content = canonical({ ...resolved, configUrl: resolved.configUrl.href });
    const client = this.#clients.get(content) ?? this.#connect(resolved, source);
    this.#clients.delete(content);
    this.#clients.set(content, client);
    if (this.#clients.size > KEPT_CLIENTS) this.#clients.delete(this.#clients.keys().next().value!);
    return client;
  }

  refresh(source: GithubSource): void {
    this.#options.reader.forget(source);
  }

  #connect(resolved: ResolvedSource, source: GithubSource): ActionsService {
    const { transports, clock, random, log, userAgent, parallelJit = 50 } = this.#options;
    const { configUrl, credentials, proxy, ca } = resolved;
    const transport = transports({
      ...(ca === "" ? {} : { ca }),
      ...(proxy.http === "" && proxy.https === "" ? {} : { proxy: proxySettingsOf(resolved) }),
    });
    try {
      const make = this.#options.connect ?? connect;
      return fairly(make({ configUrl, credentials, transport, clock, random, log, userAgent }), parallelJit);
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      const message = `secret ${source.namespace}/${source.githubConfigSecret}: ${error.message}`;
      throw new SourceError("SecretInvalid", message, error);
    }
  }
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
