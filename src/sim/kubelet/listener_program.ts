import type { Pod } from "../../k8s/resource.ts";

/** What the kubelet gives to the program in a listener's container. */
export interface ListenerContext {
  readonly pod: Pod;
  /** The container's command and arguments. */
  readonly command: readonly string[];
  /** The container's environment, references resolved. */
  readonly env: Readonly<Record<string, string>>;
  /** The mounted secrets and config maps; they change when the objects do. */
  readonly files: MountedFiles;
  /** Base URL of the API server that the kubelet itself uses. */
  readonly kubeUrl: string;
  /** A fresh token of the pod's service account. @throws when the API server gives none */
  serviceAccountToken(): Promise<string>;
  /** SIGTERM: the pod is being deleted. */
  readonly term: AbortSignal;
  /** SIGKILL: the grace period is over, or the node is gone. Whatever the program does then counts no more. */
  readonly kill: AbortSignal;
}

/** Runs the program of a listener's container. @returns its exit code */
export type ListenerProgram = (context: ListenerContext) => Promise<number>;

/** Files by absolute path, as a container sees them. */
export class MountedFiles {
  #files: ReadonlyMap<string, string>;
  readonly #watchers = new Set<() => void>();

  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  read(path: string): string | undefined {
    return this.#files.get(path);
  }

  entries(): ReadonlyMap<string, string> {
    return this.#files;
  }

  /** Calls `action` after each change. @returns what stops that */
  onChange(action: () => void): () => void {
    this.#watchers.add(action);
    return () => this.#watchers.delete(action);
  }

  /** The volumes were refreshed. */
  replace(files: ReadonlyMap<string, string>): void {
    const same = files.size === this.#files.size && [...files].every(([path, text]) => this.#files.get(path) === text);
    if (same) return;
    this.#files = files;
    for (const action of [...this.#watchers]) action();
  }
}
