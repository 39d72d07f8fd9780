/** The parts of a scale set's source, each read by itself: one that is broken does not hide another. */
import { type GithubSource, SourceError } from "../../controllers/shared/services.ts";
import type { ResolvedSource, SourceReader } from "../../controllers/shared/source_reader.ts";
import { checkCredentials, CredentialsError } from "../../github/auth.ts";
import { KubeError } from "../../k8s/errors.ts";
import { messageOf } from "../../lib/errors.ts";
import { TransportError } from "../../lib/http.ts";
import type { Secrets } from "../../lib/secrets.ts";
import type { GithubFacts, Outcome, Trouble } from "../checks/facts.ts";

export const well = <T>(value: T): Outcome<T> => ({ went: "well", value });
export const wrong = (trouble: Trouble): Outcome<never> => ({ went: "wrong", trouble });
export const untried = (why: string): Outcome<never> => ({ went: "untried", why });

export interface SourceDeps {
  readonly sources: SourceReader;
  /** Learns every secret that is read. */
  readonly secrets: Secrets;
  readonly inPod: boolean;
  readonly signal: AbortSignal;
}

export interface ReadFacts extends Pick<GithubFacts, "secret" | "proxy" | "certificate"> {
  readonly resolved?: ResolvedSource;
}

/** Reads a source; it is resolved when every part can be used. */
export async function readSource(source: GithubSource, deps: SourceDeps): Promise<ReadFacts> {
  const { sources } = deps;
  const { proxy: _proxy, githubServerTLS: _tls, ...credentials } = source;
  const { githubConfigSecret: name, vaultConfig } = source;
  const where = vaultConfig?.type ? `secret ${name} of the vault` : `secret ${name}`;
  const secret = await attempt(() => usable(sources.read(credentials), where), source, deps);
  if (secret.went === "well") learn(secret.value, deps.secrets);
  const proxy = await attempt(() => sources.proxy(source), source, deps);
  const facts = {
    secret: told(
      secret,
      ({ credentials }) => `${where} has ${credentials.kind === "pat" ? "a token" : "a GitHub App"}`,
    ),
    proxy: told(proxy, () => "it can be used"),
    certificate: untried("the steps before it failed"),
  };
  if (secret.went !== "well" || proxy.went !== "well") return facts;
  const whole = await attempt(() => sources.read(source), source, deps);
  const certificate = told(whole, () => "the certificates can be read");
  if (whole.went !== "well") return { ...facts, certificate };
  learn(whole.value, deps.secrets);
  return { ...facts, certificate, resolved: whole.value };
}

/** What only shows when credentials are used: the same that the controller's client would say. */
async function usable(reading: Promise<ResolvedSource>, where: string): Promise<ResolvedSource> {
  const resolved = await reading;
  try {
    checkCredentials(resolved.credentials);
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    throw new SourceError("SecretInvalid", `${where}: ${error.message}`, error);
  }
  return resolved;
}

function told<T>(outcome: Outcome<T>, text: (value: T) => string): Outcome<string> {
  return outcome.went === "well" ? well(text(outcome.value)) : outcome;
}

async function attempt<T>(work: () => Promise<T>, source: GithubSource, deps: SourceDeps): Promise<Outcome<T>> {
  try {
    return well(await work());
  } catch (error) {
    deps.signal.throwIfAborted();
    if (error instanceof SourceError) {
      if (KubeError.is(error.cause, "Forbidden")) {
        return untried(error.message.replace("the controller may not", "no right to"));
      }
      // A vault, and a file that is mounted, may be there for the controller alone.
      if (source.vaultConfig?.type && !deps.inPod) {
        return untried(`not from here, perhaps from the pod: ${error.message}`);
      }
      return wrong({ reason: error.reason, message: error.message });
    }
    if (KubeError.is(error) || error instanceof TransportError) return untried(messageOf(error));
    throw error;
  }
}

function learn({ credentials, proxy }: ResolvedSource, secrets: Secrets): void {
  secrets.add(credentials.kind === "pat" ? credentials.token : credentials.privateKey);
  for (const text of [proxy.http, proxy.https]) {
    if (!URL.canParse(text)) continue;
    const { username, password } = new URL(text);
    for (const part of [text, password, decodeURIComponent(password), `${username}:${password}`]) secrets.add(part);
  }
}
