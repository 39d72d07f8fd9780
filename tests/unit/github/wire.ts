/** A GitHub that answers as a test says, on a virtual clock. */
import { connect, type Connection } from "../../../src/github/client.ts";
import { parseConfigUrl } from "../../../src/lib/config_url.ts";
import { type HttpRequest, type HttpResponse, TransportError } from "../../../src/lib/http.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a request gets: an answer, a failure to answer, or nothing at all, ever. */
export type Scripted = Answer | TransportError | "silence";

export const json = (status: number, body: unknown, headers: Answer["headers"] = {}): Answer => ({
  status,
  body,
  headers,
});
export const IDS = { "activityid": "act-1", "x-github-request-id": "req-1" };

/** A JWT that ends at `expires` (milliseconds since the epoch); `mark` makes it another one. */
export function jwt(expires: number, mark = ""): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part({ exp: Math.floor(expires / 1000), mark })}.c2ln`;
}

export const SERVICE_URL = "https://pipelines.example.com/tenant";

export class Wire {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 1));
  readonly requests: HttpRequest[] = [];
  /** How long an admin token lives. */
  lifeMs = 3_600_000;
  /** Answers to calls of the service, in turn; the last one stays. */
  #script: Scripted[] = [];
  /** Answers to the way in, by the end of the path; before the standard ones. */
  readonly way = new Map<string, Scripted[]>();

  script(...answers: Scripted[]): this {
    this.#script = answers;
    return this;
  }

  /** Calls of the service itself, without those of the way in. */
  get calls(): HttpRequest[] {
    return this.requests.filter(({ url }) => !url.startsWith("https://api.github.com/"));
  }

  /** Calls of the way in, by path. */
  get wayIn(): string[] {
    return this.requests.filter(({ url }) => url.startsWith("https://api.github.com/")).map(({ method, url }) =>
      `${method} ${new URL(url).pathname}`
    );
  }

  readonly transport = async (request: HttpRequest): Promise<HttpResponse> => {
    this.requests.push(request);
    const answer = this.#answerTo(request);
    if (answer === "silence") {
      return await new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true });
      });
    }
    if (answer instanceof TransportError) throw answer;
    const text = answer.text ?? (answer.body === undefined ? "" : JSON.stringify(answer.body));
    return {
      status: answer.status,
      headers: answer.headers ?? {},
      body: (async function* () {
        yield new TextEncoder().encode(text);
      })(),
    };
  };

  connect(changed: Partial<Connection> = {}) {
    return connect({
      configUrl: parseConfigUrl("https://github.com/acme/api"),
      credentials: { kind: "pat", token: "ghp_secret" },
      transport: this.transport,
      clock: this.clock,
      random: seededRandom(1),
      log: silentLog,
      userAgent: { version: "0.14.2", commit: "2ee6b3b", subsystem: "ghalistener", scaleSetId: 7 },
      ...changed,
    });
  }

  /** Lets time pass until `work` has ended, and gives what it came to. */
  async result<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    let done = false;
    const outcome = work.then((value) => () => value, (error) => () => {
      throw error;
    }).finally(() => done = true);
    if (!await this.clock.runUntil(() => done, limitMs)) throw new Error(`not done within ${limitMs} ms`);
    return (await outcome)();
  }

  /** The error that `work` comes to. */
  async failure(work: Promise<unknown>, limitMs?: number): Promise<unknown> {
    try {
      await this.result(work, limitMs);
    } catch (error) {
      return error;
    }
    throw new Error("it succeeded");
  }

  #answerTo({ url }: HttpRequest): Scripted {
    const path = new URL(url).pathname;
    for (const [end, answers] of this.way) {
      if (path.endsWith(end) && answers.length > 0) return answers.shift()!;
    }
    const wayIns = this.requests.filter((one) => one.url.endsWith("/runner-registration")).length;
    if (path.endsWith("/access_tokens")) return json(201, { token: "ghs_installation", expires_at: "x" });
    if (path.endsWith("/registration-token")) return json(201, { token: "REG", expires_at: "x" });
    if (path.endsWith("/runner-registration")) {
      return json(200, { url: `${SERVICE_URL}/`, token: jwt(this.clock.now() + this.lifeMs, `admin-${wayIns}`) });
    }
    const answer = this.#script.length > 1 ? this.#script.shift() : this.#script[0];
    if (answer === undefined) throw new Error(`no answer is scripted for ${url}`);
    return answer;
  }
}
