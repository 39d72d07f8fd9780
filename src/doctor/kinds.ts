/** Kinds of Kubernetes that only the doctor looks at, as far as it does. */
import type { KubeObject, Resource } from "../k8s/resource.ts";
import { resource } from "../k8s/resource.ts";

/** The Deployment of a controller. */
export interface Deployment extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec?: {
        readonly serviceAccountName?: string;
        readonly containers?: readonly {
          readonly name?: string;
          readonly image?: string;
          readonly args?: readonly string[];
        }[];
      };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** A CustomResourceDefinition as it is in the cluster. */
export interface InstalledCrd extends KubeObject {
  readonly spec?: {
    readonly versions?: readonly {
      readonly name?: string;
      readonly served?: boolean;
      readonly schema?: { readonly openAPIV3Schema?: unknown };
    }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** What a review of access asks. */
export interface ResourceAttributes {
  readonly namespace?: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

/** Asking about oneself, or, with `user`, about somebody else. Nothing is stored. */
export interface AccessReview extends KubeObject {
  readonly spec: {
    readonly resourceAttributes: ResourceAttributes;
    readonly user?: string;
    readonly groups?: string[];
  };
  readonly status?: { readonly allowed?: boolean };
}

export interface SelfReview extends KubeObject {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

export const DEPLOYMENTS: Resource<Deployment> = resource("apps", "v1", "Deployment", "deployments");
export const DEFINITIONS: Resource<InstalledCrd> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};
export const SELF_ACCESS: Resource<AccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
};
export const ACCESS: Resource<AccessReview> = {
  ...SELF_ACCESS,
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
};
export const SELF: Resource<SelfReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  namespaced: false,
};
