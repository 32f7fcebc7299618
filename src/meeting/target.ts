// Finds the scheduler for a worker or a client: by a given address, or by a scheduler file. The file
// is read again before every attempt, because a restarted scheduler has a new address.

import { hostname } from "node:os";
import { formatDuration } from "../duration.ts";
import type { DialTarget } from "../link/dial.ts";
import { splitPin, withoutPin } from "../link/pin.ts";
import { readAuthorities } from "./site-certificate.ts";
import { isLoopback } from "./loopback.ts";
import { checkSchedulerPath, readSchedulerFile, type SchedulerFile } from "./scheduler-file.ts";
import { checkTokenAtHand, givenToken, type TokenSources } from "./token.ts";

export type TargetOptions = TokenSources & {
  /** `ws://…` or `wss://…`; takes precedence over a scheduler file. */
  address?: string | undefined;
  /** Path of a scheduler file, which may not exist yet. */
  schedulerFile?: string | undefined;
  /** A file with certificates of authorities, for an address without a fingerprint. Default: `$THENCE_TLS_CA`. */
  tlsCa?: string | undefined;
};

/** Finds the address to dial, and has a name for errors and logs. */
export type TargetFinder = {
  describe: string;
  /** The target of the next attempt; undefined while the scheduler file does not exist. */
  find: () => Promise<DialTarget | undefined>;
};

/**
 * The scheduler named by `options`, else by `$THENCE_ADDRESS`, else by `$THENCE_SCHEDULER_FILE`;
 * undefined when none of them is given. A token given to this process takes precedence over the one
 * in the file.
 *
 * @throws {RangeError} when the address is not a WebSocket URL, or what is after its `#` is no fingerprint
 * @throws {Error} when the token given to this process is malformed, the path is not one of a file, or the
 *   certificates of an authority cannot be read
 */
export function targetFinder(options: TargetOptions): TargetFinder | undefined {
  const { environment = process.env } = options;
  checkTokenAtHand(options);
  const tlsCa = options.tlsCa ?? environment.THENCE_TLS_CA;
  const { address, schedulerFile } =
    options.address !== undefined || options.schedulerFile !== undefined
      ? options
      : { address: environment.THENCE_ADDRESS, schedulerFile: environment.THENCE_SCHEDULER_FILE };
  if (address) {
    const url = checkedUrl(address);
    const trusted = tlsCa ? { ca: readAuthorities(tlsCa) } : {};
    return {
      describe: withoutPin(url),
      find: async () => ({ url, token: await givenToken(options), ...trusted }),
    };
  }
  if (!schedulerFile) return undefined;
  checkSchedulerPath(schedulerFile, { toRead: true });
  let attempt = 0;
  return {
    describe: `scheduler file ${schedulerFile}`,
    find: async () => {
      const file = await readSchedulerFile(schedulerFile, options.warn);
      if (file === undefined) return undefined;
      const token = (await givenToken(options)) ?? file.token;
      // The first URL is the best one; the next attempt tries the next URL.
      const url = file.urls[attempt++ % file.urls.length]!;
      return { url, token, scheduler: file.id, written: writtenBy(file), ...hintOf(file, url) };
    },
  };
}

/** Why an attempt may fail. It may succeed, too, by a tunnel. */
function hintOf(file: SchedulerFile, url: string): { hint?: string } {
  if (file.host === hostname() || !isLoopback(url)) return {};
  const hint = `the scheduler listens on loopback only, on ${file.host}: start it with --interface or --host`;
  return { hint };
}

function writtenBy({ startedAt, pid, host }: SchedulerFile): string {
  return `written at ${startedAt} by process ${pid} on ${host}`;
}

/** Says what a worker or a command waits for, and why. */
export function waitingFor(describe: string, limitMs: number, why: string): string {
  const what = /^wss?:/.test(describe) ? `scheduler at ${describe}` : describe;
  return `waiting for the ${what}, for up to ${formatDuration(limitMs)}: ${why}`;
}

function checkedUrl(address: string): string {
  const [plain] = address.split("#", 1) as [string];
  const shown = withoutSecrets(plain);
  const url = URL.parse(plain);
  if (!url || !/^wss?:$/.test(url.protocol) || url.hostname === "") {
    throw new RangeError(
      `"${shown}" is not the address of a scheduler: expected ws://host:port or wss://host:port`,
    );
  }
  if (/[@?]/.test(plain)) {
    throw new RangeError(
      `"${shown}" has more than an address, and nobody would read it: leave out what stands before an @ and from a ? on. ` +
        "A token is given by $THENCE_TOKEN, a token file or a scheduler file",
    );
  }
  splitPin(address);
  return address;
}

/** An address as it may be shown: in a log, everybody reads it. */
function withoutSecrets(address: string): string {
  return address.replace(/\?.*$/s, "?***").replace(/^([^/]*:\/\/)?.*@/s, "$1***@");
}
