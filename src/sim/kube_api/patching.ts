/** Patches of all types, server-side apply among them: from what a client sends to the object's new state. */
import { load } from "js-yaml";
import { applied } from "./apply.ts";
import { read, refuseOtherName } from "./input.ts";
import { jsonPatch, mergePatch } from "./patches.ts";
import { badRequest, conflict, DecodeError, notFound, StatusError, unsupportedMediaType } from "./status.ts";
import { storageKey } from "./storage.ts";
import { strategicPatch } from "./strategic.ts";
import { asObject, type Json, textAt } from "./types.ts";
import { existing, type World } from "./world.ts";
import { change, create, type Target, type WriteOptions, type Written } from "./writes.ts";

const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

/** Patches an object, or its status. @throws StatusError */
export function patch(
  world: World,
  target: Target,
  contentType: string,
  text: string,
  options: WriteOptions & { readonly fieldManager: string },
): Written {
  const { kind, namespace, name } = target;
  const accepted = kind.custom ? [JSON_PATCH, MERGE, APPLY] : [JSON_PATCH, MERGE, STRATEGIC, APPLY];
  if (!accepted.includes(contentType)) throw unsupportedMediaType(accepted, kind);
  if (contentType === APPLY) return apply(world, target, text, options);
  const old = existing(world, kind, namespace, name);
  const changes = parsedPatch(text, contentType === JSON_PATCH);
  const whole = old.object as Json;
  const given = contentType === JSON_PATCH
    ? jsonPatch(whole, changes)
    : contentType === MERGE
    ? mergePatch(whole, changes)
    : strategicPatch(kind.kind, whole, changes);
  const object = read(kind, given);
  refuseOtherName(name, asObject(object.metadata) ?? {});
  try {
    return { entry: change(world, target, old, object, options), created: false };
  } catch (error) {
    throw error instanceof DecodeError ? error.asPatchError() : error;
  }
}

function parsedPatch(text: string, isJsonPatch: boolean): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw badRequest(isJsonPatch ? "error decoding patch: unexpected end of JSON input" : "invalid JSON patch");
  }
  if (isJsonPatch && !Array.isArray(parsed)) {
    throw badRequest(
      "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
  }
  return parsed;
}

/** Server-side apply, as a merge: nobody owns a field, so nothing conflicts and nothing that is left out is removed. */
function apply(
  world: World,
  target: Target,
  text: string,
  options: WriteOptions & { readonly fieldManager: string },
): Written {
  const { kind, namespace, name } = target;
  if (options.fieldManager === "") {
    const error = {
      field: "fieldManager",
      reason: "FieldValueRequired",
      message: "Required value: is required for apply patch",
    };
    throw new StatusError(422, "Invalid", `PatchOptions.meta.k8s.io "" is invalid: ${error.field}: ${error.message}`, {
      group: "meta.k8s.io",
      kind: "PatchOptions",
      causes: [error],
    });
  }
  const configuration = asObject(parsedYaml(text));
  if (!configuration) throw badRequest("error decoding YAML: the configuration is no object");
  const meta = { ...asObject(configuration.metadata) };
  refuseOtherName(name, meta);
  const old = world.storage.table(kind).get(storageKey(kind, namespace, name));
  if (!old) {
    if (target.subresource !== "") throw notFound(kind, name);
    if (textAt(meta, "uid") !== "" || textAt(meta, "resourceVersion") !== "") {
      throw conflict(
        kind,
        name,
        `uid mismatch: the provided object specified uid ${textAt(meta, "uid")}, and no existing object was found`,
      );
    }
    return create(world, target, { ...configuration, metadata: { ...meta, name } }, options);
  }
  const given = read(kind, applied(kind, old.object, configuration));
  return { entry: change(world, target, old, given, options), created: false };
}

function parsedYaml(text: string): unknown {
  try {
    return text.trimStart().startsWith("{") ? JSON.parse(text) : load(text);
  } catch {
    throw badRequest("error decoding YAML");
  }
}
