/** The id of an embedded loop's session, kept on the listener's object: the next leader ends that session first. */
import { AUTOSCALING_LISTENERS, type AutoscalingListener } from "../../api/kinds.ts";
import { ANNOTATIONS } from "../../api/names.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import { refOfKey } from "../../k8s/resource.ts";
import type { Overlay, Reader } from "../../k8s/store.ts";
import type { SessionKeeper } from "../../listener/loop_deps.ts";

export function sessionsOf(
  deps: {
    readonly kube: KubeClient;
    readonly listeners: Reader<AutoscalingListener> & Partial<Overlay<AutoscalingListener>>;
  },
  key: string,
): SessionKeeper {
  const ref = refOfKey(key);
  return {
    former() {
      return Promise.resolve(
        deps.listeners.get(ref.namespace, ref.name)?.metadata.annotations?.[ANNOTATIONS.sessionId],
      );
    },
    async keep(sessionId) {
      const body = { metadata: { annotations: { [ANNOTATIONS.sessionId]: sessionId ?? null } } };
      try {
        const after = await deps.kube.patch(AUTOSCALING_LISTENERS, ref, body);
        deps.listeners.wrote?.(after);
      } catch (error) {
        // Its object went first: there is nothing left to keep for.
        if (!KubeError.is(error, "NotFound")) throw error;
      }
    },
  };
}
