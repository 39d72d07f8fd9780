/** A plain client of the simulated service for its own tests: no retries, no rules. */
import { seededRandom } from "../../../../src/lib/random.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { type ActionsServiceOptions, ActionsServiceSim } from "../../../../src/sim/actions_service/service.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON, a byte order mark dropped; undefined when it is none. */
  readonly json: Json;
}

/** JSON whose fields a test reads without ceremony. */
export type Json = { readonly [field: string]: Json } & readonly Json[] & string & number & boolean & undefined;

export interface Session {
  readonly id: string;
  readonly url: string;
  readonly token: string;
}

/** A service on a virtual clock, and a client that can do every call. */
export class Fixture {
  readonly clock = new VirtualClock();
  readonly service: ActionsServiceSim;
  base = "";
  token = "";

  /** @param service one that is there already, on a clock of its own */
  constructor(options: Partial<ActionsServiceOptions> = {}, service?: ActionsServiceSim) {
    this.service = service ?? new ActionsServiceSim({ clock: this.clock, random: seededRandom(1), ...options });
  }

  async send(method: string, url: string, authorization: string, body?: unknown, more: Send = {}): Promise<Reply> {
    const response = await this.service.handle({
      method,
      url,
      headers: { authorization, ...more.headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: more.signal ?? new AbortController().signal,
    });
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let text = "";
    for await (const chunk of response.body) text += decoder.decode(chunk);
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  }

  /** Registration token, then admin token. */
  async login(
    configUrl = "https://github.com/acme",
    api = "https://api.github.com",
    owner = "orgs/acme",
  ): Promise<Reply> {
    const registration = await this.send(
      "POST",
      `${api}/${owner}/actions/runners/registration-token`,
      "Bearer ghp_simulated",
    );
    const body = { url: configUrl, runner_event: "register" };
    const reply = await this.send(
      "POST",
      `${api}/actions/runner-registration`,
      `RemoteAuth ${registration.json?.["token"]}`,
      body,
    );
    this.base = reply.json?.["url"] ?? "";
    this.token = reply.json?.["token"] ?? "";
    return reply;
  }

  call(method: string, path: string, body?: unknown, more?: Send): Promise<Reply> {
    const url = `${this.base}_apis/${path}${path.includes("?") ? "&" : "?"}api-version=6.0-preview`;
    return this.send(method, url, more?.token ? `Bearer ${more.token}` : `Bearer ${this.token}`, body, more);
  }

  /** Logs in and makes a scale set. @returns its id */
  async scaleSet(name = "linux"): Promise<number> {
    if (!this.token) await this.login();
    const labels = [{ type: "System", name }];
    return (await this.call("POST", "runtime/runnerscalesets", { name, runnerGroupId: 1, labels })).json["id"]!;
  }

  async session(id: number, owner = "me"): Promise<Session> {
    const { json } = await this.call("POST", `runtime/runnerscalesets/${id}/sessions`, { ownerName: owner });
    return { id: json["sessionId"]!, url: json["messageQueueUrl"]!, token: json["messageQueueAccessToken"]! };
  }

  /** One poll; time passes until it is answered. */
  async poll(session: Session, capacity = 100, lastMessageId?: number): Promise<Reply> {
    let reply: Reply | undefined;
    void this.startPoll(session, capacity, lastMessageId).then((answer) => reply = answer);
    await this.clock.runUntil(() => reply !== undefined, 60_000);
    return reply!;
  }

  startPoll(session: Session, capacity = 100, lastMessageId?: number, signal?: AbortSignal): Promise<Reply> {
    const cursor = lastMessageId === undefined ? "" : `&lastMessageId=${lastMessageId}`;
    const headers = { "x-scalesetmaxcapacity": String(capacity) };
    const url = `${session.url}${cursor}&api-version=6.0-preview`;
    return this.send("GET", url, `Bearer ${session.token}`, undefined, { headers, signal });
  }

  deleteMessage(session: Session, id: number): Promise<Reply> {
    const [path, query] = session.url.split("?");
    return this.send("DELETE", `${path}/${id}?${query}&api-version=6.0-preview`, `Bearer ${session.token}`);
  }

  acquire(id: number, session: Session, requestIds: readonly number[]): Promise<Reply> {
    return this.call("POST", `runtime/runnerscalesets/${id}/acquirejobs`, requestIds, { token: session.token });
  }

  /** A registration. @returns its id and its JIT configuration */
  async register(id: number, name: string): Promise<{ id: number; jit: string }> {
    const body = { name, workFolder: "_work" };
    const { json } = await this.call("POST", `runtime/runnerscalesets/${id}/generatejitconfig`, body);
    return { id: json["runner"]!["id"]!, jit: json["encodedJITConfig"]! };
  }
}

interface Send {
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly token?: string;
}

/** The events of a message. */
export function eventsOf(reply: Reply): Json[] {
  return JSON.parse(reply.json["body"]!) as Json[];
}

/** `JobStarted`, ... of a message. */
export function typesOf(reply: Reply): string[] {
  return eventsOf(reply).map((event) => event["messageType"]!);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text.replace(/^\ufeff/, "")) as Json;
  } catch {
    return undefined as Json; // plain text: tests look at `text`
  }
}
