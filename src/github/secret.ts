/** What a secret with GitHub credentials must hold, wherever it is kept. Messages name keys, never values. */
import { type Credentials, CredentialsError, privateKeyOf } from "./auth.ts";

/** The keys of a GitHub App's credentials. */
export const APP_KEYS = ["github_app_id", "github_app_installation_id", "github_app_private_key"] as const;

/**
 * The credentials among the values of a secret: `github_token`, or the three keys of an app. A token beside a part of
 * an app is a token.
 * @throws CredentialsError that says what is wrong, as the end of a sentence that begins with the secret's name
 */
export function credentialsIn(values: Readonly<Record<string, string>>): Credentials {
  const refuse = (what: string): never => {
    throw new CredentialsError(what);
  };
  const token = values.github_token ?? "";
  const absent = APP_KEYS.filter((key) => !values[key]);
  if (token !== "" && absent.length === 0) {
    refuse("has both github_token and the keys of a GitHub App: keep one of the two");
  }
  if (token !== "") return { kind: "pat", token };
  if (absent.length === APP_KEYS.length) {
    refuse(
      "has no credentials: it needs github_token, or github_app_id, github_app_installation_id and " +
        "github_app_private_key",
    );
  }
  if (absent.length > 0) refuse(`lacks ${absent.join(" and ")}`);
  const [appId, installation, privateKey] = APP_KEYS.map((key) => values[key] ?? "") as [string, string, string];
  const installationId = Number(installation);
  if (!/^\d+$/.test(installation) || !(installationId > 0 && Number.isSafeInteger(installationId))) {
    refuse("has a github_app_installation_id that is no number above 0");
  }
  try {
    privateKeyOf(privateKey);
  } catch {
    // What the parser says can quote the key.
    refuse("has a github_app_private_key that can't be read: it must be the whole PEM file that GitHub gave");
  }
  return { kind: "app", appId, installationId, privateKey };
}
