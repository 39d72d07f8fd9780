/** Responses, with the headers that the API server sends. */
import { dump } from "js-yaml";
import type { HttpResponse } from "../../lib/http.ts";
import { bodyOf } from "../http.ts";
import type { StatusDetails } from "./status.ts";

const HEADERS = { "cache-control": "no-cache, private" };

/** A JSON response from its text. */
export function reply(code: number, json: string, details?: StatusDetails, yaml = false): HttpResponse {
  const headers: Record<string, string> = {
    ...HEADERS,
    "content-type": yaml ? "application/yaml" : "application/json",
  };
  if (details?.retryAfterSeconds !== undefined) headers["retry-after"] = String(details.retryAfterSeconds);
  return { status: code, headers, body: bodyOf(yaml ? dump(JSON.parse(json)) : json) };
}

/** A stream of JSON lines. */
export function stream(body: AsyncIterable<Uint8Array>): HttpResponse {
  return { status: 200, headers: { ...HEADERS, "content-type": "application/json" }, body };
}

export function plain(code: number, text: string): HttpResponse {
  return { status: code, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" }, body: bodyOf(text) };
}
