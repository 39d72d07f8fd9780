/** The Actions Service over the wire. */
import type { Clock } from "../lib/clock.ts";
import type { ConfigUrl } from "../lib/config_url.ts";
import type { Transport } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { Admissions, type Credentials } from "./auth.ts";
import { AdminCalls } from "./calls.ts";
import { Wire, WIRE_LIMITS, type WireLimits } from "./http.ts";
import * as runners from "./runners.ts";
import * as scaleSets from "./scale_sets.ts";
import type { ActionsService } from "./service.ts";
import * as sessions from "./session.ts";
import type { UserAgent } from "./user_agent.ts";

/** What a connection to GitHub is made of. */
export interface Connection {
  readonly configUrl: ConfigUrl;
  readonly credentials: Credentials;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly userAgent: UserAgent;
  readonly limits?: Partial<WireLimits>;
}

/**
 * The service of one config URL and credential. Nothing is sent before the first call; the admin token is then shared
 * by all calls, and no call waits in line behind another.
 * @throws CredentialsError when the credentials can't be used as they are
 */
export function connect(connection: Connection): ActionsService {
  const { configUrl, credentials, limits, ...rest } = connection;
  const wire = new Wire({ ...rest, limits: { ...WIRE_LIMITS, ...limits } });
  const calls = new AdminCalls(wire, new Admissions(wire, configUrl, credentials));
  return {
    runnerGroup: (name, options) => scaleSets.runnerGroup(calls, name, options),
    findScaleSet: (group, name, options) => scaleSets.findScaleSet(calls, group, name, options),
    getScaleSet: (id, options) => scaleSets.getScaleSet(calls, id, options),
    createScaleSet: (spec, options) => scaleSets.createScaleSet(calls, spec, options),
    updateScaleSet: (id, changes, options) => scaleSets.updateScaleSet(calls, id, changes, options),
    deleteScaleSet: (id, options) => scaleSets.deleteScaleSet(calls, id, options),
    generateJitConfig: (id, runner, options) => runners.generateJitConfig(calls, id, runner, options),
    getRunner: (id, options) => runners.getRunner(calls, id, options),
    findRunner: (name, options) => runners.findRunner(calls, name, options),
    removeRunner: (id, options) => runners.removeRunner(calls, id, options),
    openSession: (id, owner, options) => sessions.openSession(calls, id, owner, options),
    resume: (session) => sessions.resumeSession(calls, session),
    deleteSession: (id, session, options) => sessions.deleteSession(calls, id, session, options),
  };
}
