/**
 * Metrics declared in tables, over the registry, counters, gauges and histograms of prom-client (the rest of it is left
 * out of the build). Each {@link Metrics} has a registry of its own: two controllers in one process do not
 * count into each other.
 */
import prom from "prom-client";

/** One metric, as data. */
export interface MetricSpec {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** Names of the labels; every sample has all of them. */
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending, without infinity. */
  readonly buckets?: readonly number[];
  /** Label values whose sample is there from the start, at zero: a rate needs a first value. */
  readonly zero?: readonly Readonly<Record<string, string>>[];
}

/** Metrics by the name that the program knows them by. */
export type MetricTable = Readonly<Record<string, MetricSpec>>;

/** A value for each label, and nothing for a metric without labels. */
export type LabelsOf<S extends MetricSpec> = S extends { readonly labels: readonly (infer L extends string)[] }
  ? Readonly<Record<L, string>>
  : Readonly<Record<string, never>>;

/** A number that only grows. */
export interface Counter<L> {
  inc(labels: L, by?: number): void;
  /** Makes the sample be there, at zero when it is new. */
  zero(labels: L): void;
  remove(labels: L): void;
}

/** A number that goes up and down. */
export interface Gauge<L> {
  set(labels: L, value: number): void;
  inc(labels: L, by?: number): void;
  dec(labels: L, by?: number): void;
  zero(labels: L): void;
  remove(labels: L): void;
}

/** A distribution. */
export interface Histogram<L> {
  observe(labels: L, value: number): void;
  zero(labels: L): void;
  remove(labels: L): void;
}

/** What a metric of the table can do. */
export type Handle<S extends MetricSpec> = S["type"] extends "counter" ? Counter<LabelsOf<S>>
  : S["type"] extends "gauge" ? Gauge<LabelsOf<S>>
  : Histogram<LabelsOf<S>>;

/** The handles of a table. */
export type Handles<T extends MetricTable> = { readonly [K in keyof T]: Handle<T[K]> };

/** Keeps the literal types of a table. */
export function metricTable<const T extends MetricTable>(table: T): T {
  return table;
}

/** The metrics of one component or process. */
export class Metrics {
  readonly #registry = new prom.Registry();
  readonly #beforeScrape: (() => void)[] = [];

  /** Declares the metrics of a table. @throws Error when a name is declared already */
  declare<T extends MetricTable>(table: T): Handles<T> {
    const handles = Object.entries(table).map(([key, spec]) => [key, this.#declare(spec)] as const);
    return Object.fromEntries(handles) as Handles<T>;
  }

  /** Runs `update` before each scrape: for gauges that are looked up, not counted. */
  onScrape(update: () => void): void {
    this.#beforeScrape.push(update);
  }

  /** The Content-Type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    for (const update of this.#beforeScrape) update();
    return this.#registry.metrics();
  }

  /** All samples: `name{a="1",b="2"}` (labels by name) to value. For tests and tables on a terminal. */
  async samples(): Promise<ReadonlyMap<string, number>> {
    const samples = new Map<string, number>();
    for (const line of (await this.text()).split("\n")) {
      const parts = /^([^{#\s]+)(?:\{(.*)\})?\s(\S+)$/.exec(line);
      if (!parts) continue;
      const labels = [...(parts[2] ?? "").matchAll(/[^,=]+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
      const name = labels.length > 0 ? `${parts[1]}{${labels.join(",")}}` : parts[1]!;
      samples.set(name, Number(parts[3]!.replace("Inf", "Infinity")));
    }
    return samples;
  }

  #declare(
    spec: MetricSpec,
  ): Counter<Record<string, string>> | Gauge<Record<string, string>> | Histogram<Record<string, string>> {
    const { name, help } = spec;
    if (this.#registry.getSingleMetric(name)) throw new Error(`the metric ${name} is declared twice`);
    const common = { name, help, labelNames: [...spec.labels ?? []], registers: [this.#registry] };
    const handle = handleOf(spec, common);
    for (const labels of spec.zero ?? []) handle.zero(labels);
    return handle;
  }
}

function handleOf(spec: MetricSpec, common: prom.MetricConfiguration<string>) {
  switch (spec.type) {
    case "counter": {
      const counter = new prom.Counter(common);
      return {
        inc: (labels: Record<string, string>, by = 1) => counter.inc(labels, by),
        zero: (labels: Record<string, string>) => counter.inc(labels, 0),
        remove: (labels: Record<string, string>) => counter.remove(labels),
      };
    }
    case "gauge": {
      const gauge = new prom.Gauge(common);
      return {
        set: (labels: Record<string, string>, value: number) => gauge.set(labels, value),
        inc: (labels: Record<string, string>, by = 1) => gauge.inc(labels, by),
        dec: (labels: Record<string, string>, by = 1) => gauge.dec(labels, by),
        zero: (labels: Record<string, string>) => gauge.inc(labels, 0),
        remove: (labels: Record<string, string>) => gauge.remove(labels),
      };
    }
    case "histogram": {
      const histogram = new prom.Histogram({ ...common, ...(spec.buckets ? { buckets: [...spec.buckets] } : {}) });
      return {
        observe: (labels: Record<string, string>, value: number) => histogram.observe(labels, value),
        zero: (labels: Record<string, string>) => histogram.zero(labels),
        remove: (labels: Record<string, string>) => histogram.remove(labels),
      };
    }
  }
}
