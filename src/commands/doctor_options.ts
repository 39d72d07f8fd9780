/** The flags of `arc doctor`. */
import { optionTable } from "../lib/options.ts";
import { CONTROLLER_OPTIONS, LISTENER_OPTIONS } from "./options.ts";

export const DOCTOR_OPTIONS = optionTable({
  kubeconfig: LISTENER_OPTIONS.kubeconfig,
  context: LISTENER_OPTIONS.context,
  namespace: {
    flag: "namespace",
    type: "string",
    unit: "NAMESPACE",
    default: "",
    group: "What is looked at",
    help: "The scale sets of this namespace; empty means all namespaces.",
  },
  scaleSets: {
    flag: "scale-set",
    type: "list",
    unit: "NAME",
    group: "What is looked at",
    help: "The scale sets of this name; without it all of them.",
  },
  controllerNamespace: {
    flag: "controller-namespace",
    env: "CONTROLLER_MANAGER_POD_NAMESPACE",
    type: "string",
    unit: "NAMESPACE",
    default: "",
    group: "What is looked at",
    help: "The controller's namespace; empty means: where its Deployment is found.",
  },
  leaderElectionId: {
    ...CONTROLLER_OPTIONS.leaderElectionId,
    default: "",
    group: "What is looked at",
    help: "The name of the controller's Lease; empty means: what the flags of its Deployment say.",
  },
  secretFiles: { ...CONTROLLER_OPTIONS.secretFiles, group: "What is looked at" },
  timeout: {
    flag: "timeout",
    type: "duration",
    min: 100,
    default: 10_000,
    group: "What is looked at",
    help: "How long one call to the cluster or to GitHub may take, with its tries.",
  },
  json: { flag: "json", type: "bool", default: false, group: "Output", help: "As one JSON array." },
});
