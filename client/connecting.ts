// The way from a target, as users name it, to a session with its scheduler.

import { longestTimerMs } from "../src/duration.ts";
import { hostname } from "node:os";
import { ConnectionError } from "../src/errors/errors.ts";
import type { DialOptions, DialTarget } from "../src/link/dial.ts";
import { targetFinder } from "../src/meeting/target.ts";
import type { FromClient, ToClient } from "../src/wire/protocol.ts";
import { checkedNames, checkedTimeout } from "./option-checks.ts";
import { Session } from "./session.ts";

export type ConnectOptions = {
  /** Default: `$THENCE_TOKEN`, the content of `$THENCE_TOKEN_FILE`, or the one in the scheduler file. */
  token?: string;
  /**
   * A file with the token; a scheduler file is one, too. For an address that the file does not have: that of a
   * tunnel, say. Default: see `token`.
   */
  tokenFile?: string;
  /**
   * A file with the certificate of the authority that vouches for a `wss:` address of your site. An address with a
   * fingerprint, and a scheduler file, need none. Default: `$THENCE_TLS_CA`.
   */
  tlsCa?: string;
  /**
   * Milliseconds to keep trying, for the scheduler may start later. What is submitted after a loss waits
   * so long for the next scheduler. Default: 30,000.
   */
  timeoutMs?: number;
  /**
   * Milliseconds that futures wait for the next scheduler on the same journal, when theirs is gone; then they are
   * lost. Default: an hour. Without a journal they are lost after the grace period of the scheduler.
   */
  absenceMs?: number;
  /** For people: in logs and on the dashboard. Default: host and process id. */
  name?: string;
};

/** How to reach a scheduler, for those who know it already. */
export type OpenOptions = Omit<ConnectOptions, "token" | "tokenFile" | "tlsCa"> &
  Pick<
    DialOptions<ToClient>,
    "target" | "describeTarget" | "onFailedAttempt" | "open" | "clock" | "signal"
  > & {
    /** Run after the client has closed: for what lives no longer than it. */
    onClose?: () => Promise<void>;
  };

/** How to reach the scheduler that a user means; see `Client.connect`. */
export function connectionTo(target: string | undefined, options: ConnectOptions): OpenOptions {
  const names = ["token", "tokenFile", "tlsCa", "timeoutMs", "absenceMs", "name"];
  const { token, tokenFile, tlsCa, ...others } = checkedNames(options, names, "connect");
  if (target !== undefined && typeof target !== "string") {
    throw new TypeError(`give the address or the file as a string, not ${typeof target}`);
  }
  if (target !== undefined && /^[\w.-]*\w:\d+$/.test(target)) {
    throw new RangeError(`write ws://${target}, or ./${target} if that is a scheduler file`);
  }
  const isAddress = target !== undefined && /^\w+:\/\//.test(target);
  const finder = targetFinder({
    token,
    tokenFile,
    tlsCa,
    warn: (text) => process.emitWarning(text),
    ...(isAddress ? { address: target } : { schedulerFile: target }),
  });
  if (!finder) {
    throw new ConnectionError(
      'say where the scheduler is: Client.connect("ws://host:port") or ' +
        'Client.connect("scheduler.json"), or set THENCE_ADDRESS or THENCE_SCHEDULER_FILE; ' +
        "Client.local needs none",
    );
  }
  return { ...others, target: finder.find, describeTarget: finder.describe };
}

/** A session with a scheduler, once that has answered. */
export async function openSession(options: OpenOptions): Promise<Session> {
  const { name = `${hostname()}-${process.pid}`, timeoutMs = 30_000, ...how } = options;
  const { absenceMs } = options;
  if (absenceMs !== undefined) checkedTimeout(absenceMs, "absenceMs");
  // A task has a client without ever dialling, and need not load what that takes.
  const { dial } = await import("../src/link/dial.ts");
  const { checkToClient } = await import("../src/wire/check.ts");
  const { openProven } = await import("../src/link/open.ts");
  const { Fetcher } = await import("./fetcher.ts");
  const patienceMs = Math.min(checkedTimeout(timeoutMs), longestTimerMs);
  const session = new Session({ patienceMs });
  let found: DialTarget | undefined;
  const target = async () => (found = (await how.target()) ?? found);
  const link = await dial<ToClient, FromClient>({
    ...how,
    target,
    hello: () => ({ role: "client", id: session.id, name }),
    check: checkToClient,
    timeoutMs: patienceMs,
    persistent: true,
    on: session.events,
  });
  const { open: openSocket = openProven, clock } = how;
  session.attach(link, new Fetcher({ target: () => found, open: openSocket, clock }));
  return session;
}
