import type { HttpResponse } from "../../lib/http.ts";
import { textField } from "../http.ts";
import type { ScaleSetState, SessionState } from "./model.ts";
import { failed, gone, ok, scaleSetBody } from "./replies.ts";
import type { ServiceCall } from "./service_routes.ts";

/** One session a scale set: a second one is refused, also to the owner of the first. */
export function openSession({ realm, body }: ServiceCall, set: ScaleSetState): HttpResponse {
  const owner = textField(body, "ownerName");
  if (!owner) return failed(realm, 400, "ArgumentException", "A session needs an ownerName.");
  const live = realm.liveSession(set);
  if (live) {
    const message = `The runner scale set ${set.name} already has an active session for owner ${live.owner}.`;
    return failed(realm, 409, "RunnerScaleSetSessionConflictException", message);
  }
  return ok(realm, sessionBody(realm, set, realm.openSession(set, owner)));
}

export function refreshSession(call: ServiceCall, set: ScaleSetState): HttpResponse {
  const session = sessionOf(call, set);
  if (!session) return sessionNotFound(call);
  session.usedAt = call.realm.clock.monotonic();
  return ok(call.realm, sessionBody(call.realm, set, session));
}

export function deleteSession(call: ServiceCall, set: ScaleSetState): HttpResponse {
  if (!sessionOf(call, set)) return sessionNotFound(call);
  call.realm.closeSession(set, "closed");
  return gone();
}

/** The 404 of a call that names a session which does not live. */
export function sessionNotFound({ realm }: ServiceCall): HttpResponse {
  return failed(realm, 404, "RunnerScaleSetSessionNotFoundException", "The message session does not exist any more.");
}

function sessionOf({ realm, parts }: ServiceCall, set: ScaleSetState): SessionState | undefined {
  const session = realm.liveSession(set);
  return session?.id === parts[1] ? session : undefined;
}

function sessionBody(realm: ServiceCall["realm"], set: ScaleSetState, session: SessionState): unknown {
  return {
    sessionId: session.id,
    ownerName: session.owner,
    runnerScaleSet: scaleSetBody(realm, set),
    messageQueueUrl: `${set.tenant.serviceUrl}_apis/runtime/messages/${set.id}?sessionId=${session.id}`,
    messageQueueAccessToken: realm.tokens.issue("queue", session.id, realm.behaviour.queueTokenMs),
    statistics: realm.statistics(set),
  };
}
