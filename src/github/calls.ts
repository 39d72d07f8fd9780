/** Calls to the Actions Service under the admin token. */
import type * as z from "zod";
import type { Admission, Admissions } from "./auth.ts";
import { ServiceError } from "./errors.ts";
import type { Meaning, Wire, WireReply } from "./http.ts";
import { parsed } from "./parse.ts";
import type { ServiceCallOptions } from "./service.ts";

export const API_VERSION = "6.0-preview";

export interface ServiceCall {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Relative to the service's URL. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly meaning?: Meaning;
  /** Which scale set the call is about: for the User-Agent. */
  readonly scaleSetId?: number;
}

export class AdminCalls {
  readonly wire: Wire;
  readonly #admissions: Admissions;

  constructor(wire: Wire, admissions: Admissions) {
    this.wire = wire;
    this.#admissions = admissions;
  }

  /** The value that a call answers with. */
  async json<T>(request: ServiceCall, schema: z.ZodType<T>, options: ServiceCallOptions = {}): Promise<T> {
    return parsed(await this.send(request, options), schema);
  }

  /** An admin token can die before its end: a 401 fetches a new one, once, and the call is repeated. */
  async send(request: ServiceCall, options: ServiceCallOptions = {}): Promise<WireReply> {
    const admission = await this.#admissions.get(options.signal);
    try {
      return await this.#send(request, admission, options);
    } catch (error) {
      if (!ServiceError.is(error, "Unauthorized")) throw error;
      this.#admissions.refused(admission);
      return await this.#send(request, await this.#admissions.get(options.signal), options);
    }
  }

  /** The service's own URL for a path, for calls that bring a token of their own. */
  async urlOf(path: string, options: ServiceCallOptions = {}): Promise<string> {
    return serviceUrl((await this.#admissions.get(options.signal)).serviceUrl, path, {});
  }

  #send(request: ServiceCall, admission: Admission, options: ServiceCallOptions): Promise<WireReply> {
    const { method, path, query = {}, body, meaning, scaleSetId } = request;
    return this.wire.send({
      method,
      url: serviceUrl(admission.serviceUrl, path, query),
      authorization: `Bearer ${admission.token}`,
      label: `${method} ${path}`,
      body,
      meaning,
      scaleSetId,
      signal: options.signal,
    });
  }
}

/** Joins a path to the service's URL, which may have a query of its own. */
function serviceUrl(base: string, path: string, query: Readonly<Record<string, string | number>>): string {
  const [root = "", own] = base.split("?", 2);
  const parts = Object.entries({ ...query, "api-version": API_VERSION })
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `${root.replace(/\/+$/, "")}/${path}?${[...(own ? [own] : []), ...parts].join("&")}`;
}
