import type { HttpResponse } from "../../lib/http.ts";
import { credentialsOf, emptyReply, textReply } from "../http.ts";
import type { ScaleSetState, SessionState } from "./model.ts";
import { failed, gone, refused } from "./replies.ts";
import type { ServiceCall } from "./service_routes.ts";
import { sessionNotFound } from "./session_routes.ts";

/** The largest capacity that a client can mean: a signed integer of 32 bits. */
const NO_LIMIT = 2 ** 31 - 1;

/** The long poll: 200 with a message as soon as there is one, else 202 after a while. */
export async function pollMessages(call: ServiceCall): Promise<HttpResponse> {
  const held = sessionOf(call);
  if ("refusal" in held) return held.refusal;
  const { set, session } = held;
  const { realm, request, query } = call;
  const capacity = request.headers["x-scalesetmaxcapacity"];
  if (capacity !== undefined && !/^\d+$/.test(capacity)) {
    return failed(realm, 400, "ArgumentException", "X-ScaleSetMaxCapacity must be a number.");
  }
  set.capacity = capacity === undefined ? NO_LIMIT : Number(capacity);
  session.usedAt = realm.clock.monotonic();
  session.wake?.("replaced");
  realm.board.pump(set);
  const cursor = Number(query.get("lastMessageId") ?? 0);
  const message = set.queue.next(cursor) ?? await wait(call, set, session, cursor);
  session.usedAt = realm.clock.monotonic();
  if (message === "closed") return sessionNotFound(call);
  if (message === undefined) return emptyReply(202);
  return textReply(200, (realm.behaviour.bom ? "\ufeff" : "") + message.text, {
    "content-type": "application/json; charset=utf-8; api-version=6.0-preview",
  });
}

/** A handled message goes. One that is not there any more is no error. */
export function deleteMessage(call: ServiceCall): HttpResponse {
  const held = sessionOf(call);
  if ("refusal" in held) return held.refusal;
  held.session.usedAt = call.realm.clock.monotonic();
  held.set.queue.delete(Number(call.parts[1]));
  return gone();
}

function wait(
  { realm, request }: ServiceCall,
  set: ScaleSetState,
  session: SessionState,
  cursor: number,
): Promise<ReturnType<ScaleSetState["queue"]["next"]> | "closed"> {
  return new Promise((resolve, reject) => {
    const end = () => {
      timer.cancel();
      request.signal.removeEventListener("abort", onAbort);
      if (session.wake === wake) session.wake = undefined;
    };
    const onAbort = () => {
      session.usedAt = realm.clock.monotonic();
      end();
      reject(request.signal.reason);
    };
    const wake: SessionState["wake"] = (why) => {
      const message = why === "message" ? set.queue.next(cursor) : undefined;
      if (why === "message" && !message) return;
      end();
      resolve(why === "closed" ? "closed" : message);
    };
    const timer = realm.timers.after(realm.behaviour.pollMs, () => {
      end();
      resolve(undefined);
    });
    if (request.signal.aborted) return onAbort();
    request.signal.addEventListener("abort", onAbort, { once: true });
    session.wake = wake;
  });
}

/** The session that a queue call is for: its token must be that session's. */
function sessionOf(
  call: ServiceCall,
): { readonly set: ScaleSetState; readonly session: SessionState } | { readonly refusal: HttpResponse } {
  const { realm, tenant, query, parts, request } = call;
  const set = realm.scaleSets.get(Number(parts[0]));
  const session = set && set.tenant === tenant ? realm.liveSession(set) : undefined;
  if (!set || !session || session.id !== query.get("sessionId")) return { refusal: sessionNotFound(call) };
  const subject = realm.tokens.subjectOf("queue", credentialsOf(request, "Bearer"));
  return subject === session.id ? { set, session } : { refusal: refused() };
}
