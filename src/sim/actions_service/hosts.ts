/** A GitHub: github.com, a *.ghe.com or an enterprise server. */
export interface SimHost {
  /** Where config URLs point to, e.g. `https://github.com`. */
  readonly webUrl: string;
  /** Base of the REST API, without a trailing slash. */
  readonly apiUrl: string;
  /** Base of its Actions Services, without a trailing slash; tenants are folders below it. */
  readonly serviceUrl: string;
}

/** github.com as the world knows it. */
export const GITHUB_COM: SimHost = {
  webUrl: "https://github.com",
  apiUrl: "https://api.github.com",
  serviceUrl: "https://pipelines.actions.githubusercontent.com",
};

/** An enterprise server (or any server on loopback): everything is below one origin, e.g. `http://127.0.0.1:8081`. */
export function enterpriseServer(webUrl: string): SimHost {
  return { webUrl, apiUrl: `${webUrl}/api/v3`, serviceUrl: `${webUrl}/_services` };
}

/** GitHub Enterprise Cloud with data residency, e.g. `acme.ghe.com`. */
export function residencyHost(host: string): SimHost {
  return { webUrl: `https://${host}`, apiUrl: `https://api.${host}`, serviceUrl: `https://pipelines.${host}` };
}
