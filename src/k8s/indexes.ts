import type { KubeObject, Stored } from "./resource.ts";

/**
 * The values of an object in one index: a text, several, or none. It depends on nothing but the object, and must not
 * throw for any object that the API server may hold.
 */
export type IndexBy<T extends KubeObject> = (object: Stored<T>) => string | readonly string[] | undefined;

/** A store's indexes, by name. */
export type IndexDeclarations<T extends KubeObject> = Readonly<Record<string, IndexBy<T>>>;

/** Which objects have which values. A change costs what the object's own values cost. */
export class Indexes<T extends KubeObject> {
  readonly #indexes = new Map<string, { by: IndexBy<T>; values: Map<string, Map<string, Stored<T>>> }>();

  constructor(declarations: IndexDeclarations<T>) {
    for (const [name, by] of Object.entries(declarations)) this.#indexes.set(name, { by, values: new Map() });
  }

  /** @throws RangeError for an index that was not declared */
  of(index: string, value: string): ReadonlyMap<string, Stored<T>> | undefined {
    const found = this.#indexes.get(index);
    if (!found) throw new RangeError(`index: "${index}" was not declared`);
    return found.values.get(value);
  }

  /** The object at `key` has changed from `before` to `after`; undefined = none. */
  change(key: string, before: Stored<T> | undefined, after: Stored<T> | undefined): void {
    for (const { by, values } of this.#indexes.values()) {
      const now = after ? listOf(by(after)) : [];
      for (const value of before ? listOf(by(before)) : []) {
        if (!now.includes(value)) drop(values, value, key);
      }
      if (!after) continue;
      for (const value of now) {
        const objects = values.get(value);
        if (objects) objects.set(key, after);
        else values.set(value, new Map([[key, after]]));
      }
    }
  }
}

function drop<T>(values: Map<string, Map<string, T>>, value: string, key: string): void {
  const objects = values.get(value);
  if (objects?.delete(key) && objects.size === 0) values.delete(value);
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
