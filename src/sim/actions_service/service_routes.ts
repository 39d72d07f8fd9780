/** The Actions Service's calls: scale sets, runners, sessions and the message queue. */
import type { HttpRequest, HttpResponse } from "../../lib/http.ts";
import { credentialsOf, fieldOf, numberField, parsedBody, textField } from "../http.ts";
import type { Served } from "./github_routes.ts";
import type { Agent, ScaleSetState, Tenant } from "./model.ts";
import { deleteMessage, pollMessages } from "./queue_routes.ts";
import { failed, gone, ok, refused, routerNotFound, scaleSetBody } from "./replies.ts";
import type { Realm } from "./realm.ts";
import { deleteSession, openSession, refreshSession } from "./session_routes.ts";

/** A call to the service of one tenant. */
export interface ServiceCall {
  readonly realm: Realm;
  readonly tenant: Tenant;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** What the path's pattern caught. */
  readonly parts: readonly string[];
}

type Answer = HttpResponse | Promise<HttpResponse>;

interface Route {
  readonly kind: string;
  readonly method: string;
  readonly path: RegExp;
  /** The calls of the queue bring a queue token and check it themselves. */
  readonly auth: "admin" | "own";
  /** The version may be left out: the reference's client names none when it deletes a message. */
  readonly anyVersion?: boolean;
  readonly answer: (call: ServiceCall) => Answer;
}

const SETS = String.raw`^_apis/runtime/runnerscalesets`;
const SET = String.raw`${SETS}/(\d+)`;
const AGENTS = String.raw`^_apis/distributedtask/pools/0/agents`;

const ROUTES: readonly Route[] = [
  route("group.find", "GET", String.raw`^_apis/runtime/runnergroups/?$`, findGroup),
  route("scaleset.find", "GET", `${SETS}$`, findScaleSet),
  route("scaleset.create", "POST", `${SETS}$`, createScaleSet),
  route(
    "scaleset.get",
    "GET",
    `${SET}$`,
    (call) => withSet(call, (set) => ok(call.realm, scaleSetBody(call.realm, set))),
  ),
  route("scaleset.update", "PATCH", `${SET}$`, updateScaleSet),
  route("scaleset.delete", "DELETE", `${SET}$`, deleteScaleSet),
  route("generatejitconfig", "POST", `${SET}/generatejitconfig$`, generateJitConfig),
  route("agent.find", "GET", `${AGENTS}$`, findAgent),
  route("agent.get", "GET", String.raw`${AGENTS}/(\d+)$`, getAgent),
  route("agent.delete", "DELETE", String.raw`${AGENTS}/(\d+)$`, deleteAgent),
  route("session.open", "POST", `${SET}/sessions$`, (call) => withSet(call, (set) => openSession(call, set))),
  route(
    "session.refresh",
    "PATCH",
    `${SET}/sessions/([^/]+)$`,
    (call) => withSet(call, (set) => refreshSession(call, set)),
  ),
  route(
    "session.delete",
    "DELETE",
    `${SET}/sessions/([^/]+)$`,
    (call) => withSet(call, (set) => deleteSession(call, set)),
  ),
  route("acquirejobs", "POST", `${SET}/acquirejobs$`, acquireJobs, "own"),
  route("message.get", "GET", String.raw`^_apis/runtime/messages/(\d+)$`, pollMessages, "own"),
  {
    ...route("message.delete", "DELETE", String.raw`^_apis/runtime/messages/(\d+)/(\d+)$`, deleteMessage, "own"),
    anyVersion: true,
  },
];

function route(
  kind: string,
  method: string,
  path: string,
  answer: (call: ServiceCall) => Answer,
  auth: Route["auth"] = "admin",
): Route {
  return { kind, method, path: new RegExp(path), auth, answer };
}

/** Answers a call. @param path below the tenant's service URL, without the query */
export function serveTenant(
  realm: Realm,
  tenant: Tenant,
  path: string,
  query: URLSearchParams,
  request: HttpRequest,
): Served {
  const found = ROUTES.find((candidate) => candidate.method === request.method && candidate.path.test(path));
  if (!found) return { kind: "unknown", response: routerNotFound() };
  const { kind } = found;
  if (!found.anyVersion && !hasVersion(query, request)) {
    return { kind, response: failed(realm, 400, "VssVersionNotSpecifiedException", "No api-version was supplied.") };
  }
  const token = credentialsOf(request, "Bearer");
  if (found.auth === "admin" && realm.tokens.subjectOf("admin", token) !== tenant.serviceUrl) {
    return { kind, response: refused() };
  }
  const parts = found.path.exec(path)!.slice(1);
  return { kind, response: found.answer({ realm, tenant, request, query, body: parsedBody(request), parts }) };
}

/** Calls of the queue, whose URL is the service's own, name the version in their Accept header. */
function hasVersion(query: URLSearchParams, request: HttpRequest): boolean {
  return query.has("api-version") || /;\s*api-version=/.test(request.headers["accept"] ?? "");
}

/** The scale set that the path names; 404 when it is not the tenant's. */
export function withSet(call: ServiceCall, answer: (set: ScaleSetState) => Answer): Answer {
  const set = call.realm.scaleSets.get(Number(call.parts[0]));
  if (!set || set.tenant !== call.tenant) {
    const message = `No runner scale set found with identifier ${call.parts[0]}.`;
    return failed(call.realm, 404, "RunnerScaleSetNotFoundException", message);
  }
  return answer(set);
}

function findGroup({ realm, tenant, query }: ServiceCall): HttpResponse {
  const name = query.get("groupName")?.toLowerCase();
  const found = [...tenant.groups.values()].filter((group) => name === undefined || group.name.toLowerCase() === name);
  const value = found.map(({ id, name }) => ({ id, name, size: 0, isDefaultGroup: id === 1 }));
  return ok(realm, { count: value.length, value });
}

function findScaleSet({ realm, tenant, query }: ServiceCall): HttpResponse {
  const group = query.get("runnerGroupId");
  const name = query.get("name")?.toLowerCase();
  const value = [...realm.scaleSets.values()]
    .filter((set) => set.tenant === tenant)
    .filter((set) => group === null || set.runnerGroupId === Number(group))
    .filter((set) => name === undefined || set.name.toLowerCase() === name)
    .map((set) => scaleSetBody(realm, set));
  return ok(realm, { count: value.length, value });
}

function createScaleSet({ realm, tenant, body }: ServiceCall): HttpResponse {
  const name = textField(body, "name");
  const group = numberField(body, "runnerGroupId") ?? 1;
  if (!name) return failed(realm, 400, "ArgumentException", "A runner scale set needs a name.");
  if (!tenant.groups.has(group)) {
    return failed(realm, 404, "RunnerGroupNotFoundException", `No runner group found with identifier ${group}.`);
  }
  if (setNamed(realm, tenant, group, name)) {
    return failed(
      realm,
      400,
      "RunnerScaleSetExistsException",
      `Runner scale set ${name} already exists in this group.`,
    );
  }
  return ok(realm, scaleSetBody(realm, realm.addScaleSet(tenant, name, group, labelsOf(body) ?? [name])));
}

function updateScaleSet(call: ServiceCall): Answer {
  return withSet(call, (set) => {
    const { realm, tenant, body } = call;
    const name = textField(body, "name") || set.name;
    const group = numberField(body, "runnerGroupId") || set.runnerGroupId;
    if (!tenant.groups.has(group)) {
      return failed(realm, 404, "RunnerGroupNotFoundException", `No runner group found with identifier ${group}.`);
    }
    const other = setNamed(realm, tenant, group, name);
    if (other && other !== set) {
      return failed(realm, 400, "RunnerScaleSetExistsException", `Runner scale set ${name} already exists.`);
    }
    const labels = labelsOf(body);
    Object.assign(set, { name, runnerGroupId: group, labels: labels?.length ? labels : set.labels });
    realm.board.match();
    return ok(realm, scaleSetBody(realm, set));
  });
}

function deleteScaleSet(call: ServiceCall): Answer {
  return withSet(call, (set) => {
    call.realm.removeScaleSet(set);
    return gone();
  });
}

function generateJitConfig(call: ServiceCall): Answer {
  return withSet(call, async (set) => {
    const { realm, tenant, body } = call;
    if (realm.behaviour.jitDelayMs > 0) await realm.clock.sleep(realm.behaviour.jitDelayMs, call.request.signal);
    const name = textField(body, "name");
    if (!name) return failed(realm, 400, "ArgumentException", "A runner needs a name.");
    if (realm.agentsOf(tenant).some((agent) => agent.name.toLowerCase() === name.toLowerCase())) {
      return failed(realm, 409, "AgentExistsException", `A runner exists with the same name ${name}.`);
    }
    const agent = realm.addAgent(set, name);
    return ok(realm, { runner: agentBody(agent), encodedJITConfig: realm.jitConfigOf(agent) });
  });
}

function findAgent({ realm, tenant, query }: ServiceCall): HttpResponse {
  const name = query.get("agentName")?.toLowerCase();
  const value = realm.agentsOf(tenant).filter((agent) => agent.name.toLowerCase() === name).map(agentBody);
  return ok(realm, { count: value.length, value });
}

function getAgent({ realm, tenant, parts }: ServiceCall): HttpResponse {
  const agent = agentNumbered(realm, tenant, parts[0]);
  return agent
    ? ok(realm, agentBody(agent))
    : failed(realm, 404, "AgentNotFoundException", `The runner with identifier ${parts[0]} does not exist.`);
}

function deleteAgent({ realm, tenant, parts }: ServiceCall): HttpResponse {
  const agent = agentNumbered(realm, tenant, parts[0]);
  if (agent?.job) {
    const message = `The runner ${agent.name} is currently running a job and cannot be deleted.`;
    return failed(realm, 400, "JobStillRunningException", message);
  }
  if (agent) realm.removeAgent(agent, "client");
  return gone();
}

function acquireJobs(call: ServiceCall): Answer {
  return withSet(call, (set) => {
    const { realm, body } = call;
    if (realm.behaviour.zeroRequestIds) return routerNotFound();
    const session = realm.liveSession(set);
    const subject = realm.tokens.subjectOf("queue", credentialsOf(call.request, "Bearer"));
    if (!session || subject !== session.id) return refused();
    const wanted = Array.isArray(body) ? body.filter((id): id is number => typeof id === "number") : undefined;
    if (!wanted) return failed(realm, 400, "ArgumentException", "An array of request ids is needed.");
    const value = realm.board.acquire(set, wanted);
    return ok(realm, { count: value.length, value });
  });
}

function agentNumbered(realm: Realm, tenant: Tenant, id: string | undefined): Agent | undefined {
  return realm.agentsOf(tenant).find((agent) => agent.id === Number(id));
}

function agentBody(agent: Agent): unknown {
  return { id: agent.id, name: agent.name, runnerScaleSetId: agent.scaleSet.id };
}

function setNamed(realm: Realm, tenant: Tenant, group: number, name: string): ScaleSetState | undefined {
  return [...realm.scaleSets.values()].find((set) =>
    set.tenant === tenant && set.runnerGroupId === group && set.name.toLowerCase() === name.toLowerCase()
  );
}

function labelsOf(body: unknown): string[] | undefined {
  const labels = fieldOf(body, "labels");
  if (!Array.isArray(labels)) return undefined;
  return labels.map((label) => textField(label, "name")).filter((name) => name !== undefined);
}
