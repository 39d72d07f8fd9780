/** A crude stand-in for the program under test: brings a runner to every assigned job, over the network of a world. */
import { Buffer } from "node:buffer";
import { call, type HttpReply } from "../../../src/lib/http.ts";
import type { World } from "../../../src/sim/world.ts";

type Json = Record<string, unknown>;

/** Never gives up: every call is repeated until it is answered well, or the world ends. */
export class CrudeProgram {
  readonly #world: World;
  readonly #stop = new AbortController();
  #base = "";
  #token = "";
  #runners = 0;

  constructor(world: World) {
    this.#world = world;
  }

  start(): void {
    this.#run().catch((error) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  stop(): void {
    this.#stop.abort(new Error("stopped"));
  }

  async #run(): Promise<void> {
    await this.#login();
    const labels = [{ type: "System", name: "linux" }];
    const made = await this.#service("POST", "runtime/runnerscalesets", { name: "linux", runnerGroupId: 1, labels });
    const set = `runtime/runnerscalesets/${made?.["id"] ?? 1}`;
    for (;;) {
      const session = await this.#service("POST", `${set}/sessions`, { ownerName: "crude" });
      if (session) await this.#listen(set, session);
      await this.#sleep(1000);
    }
  }

  /** Reads messages until the session is lost. */
  async #listen(set: string, session: Json): Promise<void> {
    const url = String(session["messageQueueUrl"]);
    const authorization = `Bearer ${session["messageQueueAccessToken"]}`;
    for (let last = "";;) {
      const headers = { authorization, "x-scalesetmaxcapacity": "50" };
      const reply = await this.#send("GET", `${url}${last}&api-version=6.0-preview`, headers);
      if (reply?.status === 202) continue;
      if (reply?.status !== 200) return;
      const message = JSON.parse(reply.text) as Json;
      for (const event of JSON.parse(String(message["body"])) as Json[]) {
        if (event["messageType"] === "JobAssigned") void this.#bringRunner(set).catch(() => {}); // ends with the world
      }
      last = `&lastMessageId=${message["messageId"]}`;
      const [path, query] = url.split("?");
      await this.#send("DELETE", `${path}/${message["messageId"]}?${query}&api-version=6.0-preview`, { authorization });
    }
  }

  async #bringRunner(set: string): Promise<void> {
    const name = `runner-${++this.#runners}`;
    const made = await this.#service("POST", `${set}/generatejitconfig`, { name });
    if (!made) return;
    const data = { jitToken: Buffer.from(String(made["encodedJITConfig"])).toString("base64") };
    await this.#kube("POST", "secrets", { metadata: { name }, data });
    const env = [{ name: "ACTIONS_RUNNER_INPUT_JITCONFIG", valueFrom: { secretKeyRef: { name, key: "jitToken" } } }];
    const spec = { restartPolicy: "Never", containers: [{ name: "runner", image: "runner", env }] };
    await this.#kube("POST", "pods", { metadata: { name, labels: { "actions-ephemeral-runner": "True" } }, spec });
    for (;;) {
      await this.#sleep(1000);
      const reply = await this.#kube("GET", `pods/${name}`);
      if (reply?.status === 404) break;
      const { phase } = (JSON.parse(reply?.text || "{}") as { status?: { phase?: string } }).status ?? {};
      if (phase === "Succeeded" || phase === "Failed") break;
    }
    await this.#kube("DELETE", `pods/${name}`);
    await this.#kube("DELETE", `secrets/${name}`);
  }

  async #login(): Promise<void> {
    const api = "https://api.github.com";
    const bearer = { authorization: "Bearer ghp_simulated" };
    const token = await this.#parsed("POST", `${api}/orgs/acme/actions/runners/registration-token`, bearer);
    const remote = { authorization: `RemoteAuth ${token?.["token"]}` };
    const body = { url: "https://github.com/acme", runner_event: "register" };
    const admin = await this.#parsed("POST", `${api}/actions/runner-registration`, remote, body);
    if (!admin) return await this.#login();
    this.#base = String(admin["url"]);
    this.#token = String(admin["token"]);
  }

  async #service(method: string, path: string, body?: unknown): Promise<Json | undefined> {
    for (let attempt = 0; attempt < 20; attempt++) {
      const url = `${this.#base}_apis/${path}?api-version=6.0-preview`;
      const reply = await this.#send(method, url, { authorization: `Bearer ${this.#token}` }, body);
      if (reply?.status === 401) await this.#login();
      else if (reply && reply.status < 300) return JSON.parse(reply.text || "{}") as Json;
      else if (reply && reply.status < 429) return undefined;
      await this.#sleep(1000);
    }
    return undefined;
  }

  async #kube(method: string, path: string, body?: unknown): Promise<HttpReply | undefined> {
    const url = `${this.#world.kubeServer().baseUrl}/api/v1/namespaces/default/${path}`;
    for (;;) {
      const reply = await this.#send(method, url, { "content-type": "application/json" }, body);
      if (reply && (reply.status < 429)) return reply;
      await this.#sleep(1000);
    }
  }

  async #parsed(
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: unknown,
  ): Promise<Json | undefined> {
    const reply = await this.#send(method, url, headers, body);
    if (reply && reply.status < 300) return JSON.parse(reply.text) as Json;
    await this.#sleep(1000);
    return undefined;
  }

  /** Undefined: no answer. */
  async #send(
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: unknown,
  ): Promise<HttpReply | undefined> {
    const request = {
      method,
      url,
      headers: { "user-agent": "crude/1", ...headers },
      body: body && JSON.stringify(body),
    };
    const limits = { clock: this.#world.clock, deadlineMs: 70_000, signal: this.#stop.signal };
    try {
      return await call(this.#world.network.transport, request as never, limits);
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      await this.#sleep(1000);
      return undefined; // a fault: the caller tries again
    }
  }

  #sleep(ms: number): Promise<void> {
    return this.#world.clock.sleep(ms, this.#stop.signal);
  }
}
