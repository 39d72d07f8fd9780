/** A reporter for `node --test`: failures in full, what tests print, and one closing line of counts. */
interface Event {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export default async function* report(events: AsyncIterable<Event>): AsyncGenerator<string> {
  let passed = 0;
  let failed = 0;
  for await (const event of events) {
    const { type, data } = event;
    if (type === "test:stdout" || type === "test:stderr") yield String(data.message);
    else if (type === "test:diagnostic" && data.nesting !== 0) yield `  ${data.message}\n`;
    else if (type === "test:pass" && !isSuite(data)) passed++;
    else if (type === "test:fail" && !isSuite(data)) {
      failed++;
      yield failure(data);
    }
  }
  yield `${passed} passed, ${failed} failed\n`;
}

function isSuite(data: Event["data"]): boolean {
  return (data.details as { type?: string } | undefined)?.type === "suite";
}

function failure(data: Event["data"]): string {
  const { error } = data.details as { error?: Error & { cause?: unknown } };
  const cause = error?.cause instanceof Error
    ? error.cause.stack ?? error.cause.message
    : String(error?.cause ?? error);
  const place = data.file ? `  at ${data.file}:${data.line}` : "";
  return `FAILED ${data.name}${place}\n${cause.replace(/^/gm, "  ")}\n`;
}
