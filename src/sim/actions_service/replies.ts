/** Answers in the Actions Service's own shapes. */
import type { HttpResponse } from "../../lib/http.ts";
import { emptyReply, jsonReply, textReply } from "../http.ts";
import type { ScaleSetState } from "./model.ts";
import type { Realm } from "./realm.ts";

/** 200 with a value. */
export function ok(realm: Realm, value: unknown): HttpResponse {
  return jsonReply(200, value, { bom: realm.behaviour.bom });
}

/** 204. */
export function gone(): HttpResponse {
  return emptyReply(204);
}

/** An error with the name of the service's exception. */
export function failed(realm: Realm, status: number, exception: string, message: string): HttpResponse {
  const body = {
    $id: "1",
    innerException: null,
    message,
    typeName: `GitHub.Actions.Runtime.WebApi.${exception}, GitHub.Actions.Runtime.WebApi`,
    typeKey: exception,
    errorCode: 0,
    eventId: 3000,
  };
  return jsonReply(status, body, { bom: realm.behaviour.bom });
}

/** 401, as plain text. */
export function refused(): HttpResponse {
  return textReply(401, "Unauthorized");
}

/** The 404 of a router that knows no such call: no exception, no JSON. */
export function routerNotFound(): HttpResponse {
  return textReply(404, "404 page not found\n");
}

/** A scale set, as it travels. */
export function scaleSetBody(realm: Realm, set: ScaleSetState): unknown {
  return {
    id: set.id,
    name: set.name,
    runnerGroupId: set.runnerGroupId,
    runnerGroupName: set.tenant.groups.get(set.runnerGroupId)?.name ?? "",
    labels: set.labels.map((name, index) => ({ id: index + 1, type: "System", name })),
    RunnerSetting: { disableUpdate: true },
    createdOn: set.createdOn,
    runnerJitConfigUrl: `${set.tenant.serviceUrl}_apis/runtime/runnerscalesets/${set.id}/generatejitconfig`,
    statistics: realm.statistics(set),
  };
}
