/** What clients send, checked against where they send it. */
import { badRequest, type FieldError, invalidValue, refuseInvalid, StatusError } from "./status.ts";
import { asObject, groupVersion, type Json, type Kind, resourceName, textAt } from "./types.ts";

/** The body as an object of the kind. @throws StatusError 400, or 422 for another kind of the same group */
export function read(kind: Kind, body: unknown): Json {
  const object = asObject(body);
  if (!object) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error`,
    );
  }
  const apiVersion = textAt(object, "apiVersion");
  const name = textAt(object, "kind");
  if (kind.custom) {
    if (apiVersion !== groupVersion(kind)) {
      throw badRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${groupVersion(kind)})`,
      );
    }
    if (name !== kind.kind) {
      const wrong = { ...kind, kind: name };
      refuseInvalid(wrong, textAt(object, "metadata", "name"), [invalidValue("kind", name, `must be ${kind.kind}`)]);
    }
  } else if ((apiVersion !== "" && apiVersion !== groupVersion(kind)) || (name !== "" && name !== kind.kind)) {
    throw badRequest(`${name} in version "${apiVersion}" cannot be handled as a ${kind.kind}`);
  }
  return object;
}

export function refuseOtherName(name: string, meta: Json): void {
  const own = textAt(meta, "name");
  if (own !== "" && own !== name) {
    throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
  }
}

export function refuseOtherNamespace(kind: Kind, namespace: string, meta: Json): void {
  const own = textAt(meta, "namespace");
  if (own === "" || own === namespace) return;
  if (!kind.namespaced) throw badRequest("namespace may not be set on cluster-scoped objects");
  throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** A refusal that names the resource, not the kind: what the storage layer finds. */
export function refuseUpdate(kind: Kind, name: string, causes: readonly FieldError[]): never {
  const lines = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  throw new StatusError(422, "Invalid", `${resourceName(kind)} "${name}" is invalid: ${lines}`, {
    name,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.plural,
    causes,
  });
}
