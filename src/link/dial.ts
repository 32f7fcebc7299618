// The dialling side of a link: finds the scheduler, says hello, and reconnects after every drop.

import { describeDuration } from "../duration.ts";
import type { Check } from "../wire/check.ts";
import { systemClock, type Clock } from "./clock.ts";
import { AuthenticationError, ConnectionError, ProtocolError } from "../errors/errors.ts";
import { RejectedError, sayHello } from "./handshake.ts";
import { limits } from "../wire/limits.ts";
import { Link } from "./link.ts";
import {
  PROTOCOL_VERSION,
  type ClientHello,
  type Hello,
  type Welcome,
  type WorkerHello,
} from "../wire/protocol.ts";
import { openProven } from "./open.ts";
import { withoutPin } from "./pin.ts";
import { GoodbyeError, type Socket } from "./socket.ts";

export type DialTarget = {
  url: string;
  token: string | undefined;
  /** Certificates of the authorities that vouch for an address without a fingerprint, PEM. */
  ca?: string;
  /** The id of the scheduler in the scheduler file. */
  scheduler?: string;
  /** Added to the error of a failed attempt: what is known to be amiss with the target. */
  hint?: string;
  /** Of a scheduler file: when it was written and by whom, for errors. It may be left over. */
  written?: string;
};

/** A hello without the fields that the link fills in. */
export type HelloFacts = Facts<ClientHello> | Facts<WorkerHello>;
type Facts<H extends Hello> = Omit<
  H,
  "type" | "protocol" | "resumes" | "session" | "received" | "scheduler"
>;

export type DialEvents<In> = {
  /** All messages of one frame, in order; an error thrown here ends the link. */
  messages(batch: In[]): void;
  /** The socket dropped, and the dialler reconnects. */
  down(reason: string): void;
  /** The link is connected again, and nothing was lost since the last event that says so. */
  up(): void;
  /**
   * The link is connected again, but the scheduler does not know this session. Messages in flight
   * and unsent messages are lost. Messages sent from now on arrive.
   */
  reset(welcome: Welcome): void;
  /**
   * The session has ended, with all that was in flight or unsent. The last event, unless the dialler is
   * `persistent`; there is none when this side closed the link.
   */
  lost(error: Error): void;
  /** A message is larger than a frame. It is left out; without this handler the link ends. */
  unsendable?(message: unknown, error: Error): void;
};

export type DialOptions<In> = {
  /** Called before every attempt; returns undefined while there is no target yet. */
  target: () => Promise<DialTarget | undefined>;
  /** The name of the target in errors and logs: "scheduler file s.json", "ws://…". */
  describeTarget: string;
  /** Called before every attempt. */
  hello: () => HelloFacts;
  check: Check<In>;
  /** Time for the first connection, in milliseconds. */
  timeoutMs: number;
  /**
   * How long to look for the next scheduler on the journal of one that is gone, in milliseconds. Default:
   * what the scheduler says. Without a journal there is no such time.
   */
  absenceMs?: number;
  /**
   * How long to look for a scheduler without a journal that is out of reach, in milliseconds, if that is longer than
   * the grace period: after that the session is lost, and `reset` begins another one. Default: the grace period.
   */
  outageMs?: number;
  /**
   * After a loss it looks for the next scheduler, until the link is closed: messages sent meanwhile
   * wait, and `up` says that they leave. Default: the link ends with a loss.
   */
  persistent?: boolean;
  on: DialEvents<In>;
  /** Receives the error of every attempt that is followed by another one. */
  onFailedAttempt?: (error: Error) => void;
  /** Cancels the first connection. Later, use `Link.close`. */
  signal?: AbortSignal;
  clock?: Clock;
  open?: OpenSocket;
  /** The address of this machine to connect from. Default: chosen by the system. */
  localAddress?: string;
};

/** Opens one socket, whose other side has proved that it knows the token. */
export type OpenSocket = (
  target: DialTarget,
  options: { timeoutMs: number; signal?: AbortSignal; localAddress?: string },
) => Promise<Socket>;

/** A link with its newest welcome. */
export type DialledLink<In, Out extends object> = Link<In, Out> & { readonly welcome: Welcome };

/**
 * Connects, and reconnects until the link is closed or lost.
 *
 * @throws {AuthenticationError} at once when the token is not accepted
 * @throws {ProtocolError} at once when the server has another version, or is not a scheduler
 * @throws {ConnectionError} when there is no connection within `timeoutMs`
 */
export async function dial<In, Out extends object>(
  options: DialOptions<In>,
): Promise<DialledLink<In, Out>> {
  return new Dialler<In, Out>(options).first();
}

/** The longest attempt, in milliseconds; the next attempt may use another address. */
const attemptMs = 10_000;
const shortestPauseMs = 50;
const longestPauseMs = 2_000;
/** A timer that is later than this, in milliseconds, was held up by more than its event loop's work. */
const noticedLateMs = 1_000;
/** The last sentence of every error of a connection that could not be made. */
const whereToLook = "To find out why, run `thence doctor` on this machine";
/** How long a refused token is retried: it may come from a stale file that is about to be replaced. */
const staleTokenMs = 2_000;

class Dialler<In, Out extends object> {
  readonly #options: DialOptions<In>;
  readonly #clock: Clock;
  readonly #open: OpenSocket;
  #link: (Link<In, Out> & { welcome: Welcome }) | undefined;
  #attempts = 0;
  /** The attempt that began the session. */
  #session = 0;
  #triedUrl: string | undefined;
  #written: string | undefined;
  /** The session is lost, and the next one has not begun. */
  #startsOver = false;
  /** The time of the first refusal of the token since it was last accepted. */
  #refusedAt: number | undefined;

  constructor(options: DialOptions<In>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#open = options.open ?? openProven;
  }

  async first(): Promise<DialledLink<In, Out>> {
    const { timeoutMs, on, check } = this.#options;
    const { socket, welcome } = await this.#connect(timeoutMs, (tried, last) => {
      // No target was found.
      if (tried === undefined)
        return `Start the scheduler: ${last}, after ${describeDuration(timeoutMs)}`;
      return (
        "Check that the scheduler is running, and that this machine can reach its address " +
        `(interface, port, firewall): no connection to ${this.#where(tried)} within ` +
        `${describeDuration(timeoutMs)}. The last attempt: ${last}`
      );
    });
    const link = new Link<In, Out>({
      check,
      clock: this.#clock,
      ...settingsOf(welcome),
      on: {
        messages: (batch) => on.messages(batch),
        down: (reason) => {
          on.down(reason);
          void this.#reconnect(reason);
        },
        ended: (error) => {
          const lost = error ?? new GoodbyeError("the scheduler ended the session");
          if (this.#options.persistent) void this.#startOver(lost);
          else on.lost(lost);
        },
        ...(on.unsendable && { unsendable: on.unsendable.bind(on) }),
      },
    });
    this.#link = Object.assign(link, { welcome });
    link.attach(socket, welcome.received);
    return this.#link;
  }

  /** Never rejects. */
  async #reconnect(reason: string): Promise<void> {
    const link = this.#link!;
    const limitMs = absenceMs(link.welcome, this.#options);
    try {
      const { socket, welcome } = await this.#connect(
        limitMs,
        (tried, last) =>
          `The link to the scheduler at ${tried ?? this.#options.describeTarget} was lost ` +
          `(${reason}) and could not be restored within ${describeDuration(limitMs)}. ` +
          `The last attempt: ${last}`,
      );
      link.welcome = welcome;
      if (!welcome.resumed) link.reset();
      link.configure(settingsOf(welcome));
      link.attach(socket, welcome.received);
      if (this.#isOver(link)) return;
      if (welcome.resumed) this.#options.on.up();
      else this.#options.on.reset(welcome);
    } catch (error) {
      // This side has closed the link meanwhile, so no event follows.
      if (link.state === "ended") return;
      if (this.#options.persistent) return this.#startOver(error as Error);
      await link.close();
      this.#options.on.lost(error as Error);
    }
  }

  /** The session is lost: begins a new one with the next scheduler that is there. Never rejects. */
  async #startOver(lost: Error): Promise<void> {
    const link = this.#link!;
    link.reset();
    this.#startsOver = true;
    this.#options.on.lost(lost);
    for (;;) {
      try {
        const { socket, welcome } = await this.#connect(Infinity, () => "");
        this.#startsOver = false;
        link.welcome = welcome;
        link.configure(settingsOf(welcome));
        link.attach(socket, welcome.received);
        if (!this.#isOver(link)) this.#options.on.up();
        return;
      } catch (error) {
        if (link.state === "ended") return;
        // Another attempt would fail too, until somebody replaces the scheduler: what waits is lost.
        link.reset();
        this.#options.on.lost(error as Error);
        await this.#sleep(longestPauseMs, link.signal);
      }
    }
  }

  /** The session that was just attached has ended already. */
  #isOver(link: Link<In, Out>): boolean {
    return link.state === "ended" || this.#startsOver;
  }

  /** Attempts to connect, with growing pauses, until one succeeds or the time is up. */
  async #connect(
    timeoutMs: number,
    problem: (tried: string | undefined, last: string) => string,
  ): Promise<{ socket: Socket; welcome: Welcome }> {
    const signal = this.#link?.signal ?? this.#options.signal;
    let deadline = this.#clock.now() + timeoutMs;
    // The error of an attempt with little time left says less than the error before it.
    const enoughMs = Math.min(500, timeoutMs / 2);
    let last: unknown;
    // A successor of the scheduler gives its peers no more than the grace period to come back.
    const graceMs = this.#link ? Math.min(timeoutMs, this.#link.welcome.graceMs) : timeoutMs;
    // Neither unanswered attempts nor pauses may use up the grace period: an outage that ends well
    // within it has to be survived. The network may be slow, so the next attempt may take longer.
    let mostMs = this.#link ? Math.min(attemptMs, graceMs / 4) : attemptMs;
    const mostPauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, graceMs / 20));
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 2, mostPauseMs)) {
      signal?.throwIfAborted();
      const beganAt = this.#clock.now();
      const time = deadline - beganAt;
      const limitMs = Math.min(mostMs, time);
      try {
        return await this.#attempt(limitMs, signal);
      } catch (error) {
        const tookMs = this.#clock.now() - beganAt;
        deadline += stoodStillMs(tookMs, limitMs);
        // It was not answered. A timer may be early by a fraction of a millisecond.
        if (tookMs > limitMs / 2) mostMs = Math.min(attemptMs, 2 * mostMs);
        signal?.throwIfAborted();
        if (this.#isFinal(error)) throw error;
        if (last === undefined || time >= enoughMs) last = error;
      }
      const left = deadline - this.#clock.now();
      if (left <= 0) {
        // Some end with a period: they are the words of who answered.
        const what = problem(this.#triedUrl, (last as Error).message.replace(/\.$/, ""));
        throw new ConnectionError(`${what}. ${whereToLook}`, { cause: last });
      }
      this.#options.onFailedAttempt?.(last as Error);
      // With jitter, thousands of workers that lost their scheduler do not reconnect all at once.
      const jittered = pauseMs * (0.5 + this.#clock.random() / 2);
      const sleepMs = Math.min(jittered, left);
      const sleptAt = this.#clock.now();
      await this.#sleep(sleepMs, signal);
      deadline += stoodStillMs(this.#clock.now() - sleptAt, sleepMs);
    }
  }

  async #attempt(timeoutMs: number, signal: AbortSignal | undefined) {
    const deadline = this.#clock.now() + timeoutMs;
    const left = () => Math.max(1, deadline - this.#clock.now());
    const target = await this.#target(left());
    this.#triedUrl = withoutPin(target.url);
    this.#written = target.written;
    const { localAddress } = this.#options;
    let socket: Socket;
    try {
      socket = await this.#open(target, {
        timeoutMs: left(),
        ...(signal && { signal }),
        ...(localAddress !== undefined && { localAddress }),
      });
    } catch (error) {
      throw this.#refused(error, target);
    }
    const attempt = this.#attempts++;
    const hello: Hello = {
      ...this.#options.hello(),
      type: "hello",
      protocol: PROTOCOL_VERSION,
      attempt,
      ...(this.#link &&
        !this.#startsOver && { resumes: this.#link.welcome.scheduler, session: this.#session }),
      received: this.#link?.received ?? 0,
      ...(target.scheduler !== undefined && { scheduler: target.scheduler }),
    };
    this.#refusedAt = undefined;
    const welcome = await sayHello(socket, hello, {
      timeoutMs: left(),
      clock: this.#clock,
      signal,
    });
    if (!welcome.resumed) this.#session = attempt;
    return { socket, welcome };
  }

  /**
   * The error for a failed attempt. A refused token is retried while the file may be stale, and while a session
   * waits: who proves nothing is not its scheduler, but somebody who listens where that was.
   */
  #refused(error: unknown, target: DialTarget): unknown {
    const hint = target.hint === undefined ? "" : `; ${target.hint}`;
    const isComingBack = this.#link !== undefined && !this.#startsOver;
    if (isComingBack && error instanceof Error && this.#isFinal(error)) {
      return new ConnectionError(error.message, { cause: error });
    }
    if (!(error instanceof AuthenticationError)) {
      if (hint === "" || !(error instanceof ConnectionError)) return error;
      return new ConnectionError(`${error.message}${hint}`, { cause: error });
    }
    this.#refusedAt ??= this.#clock.now();
    const mayBeStale = target.scheduler !== undefined;
    if (mayBeStale && this.#clock.now() - this.#refusedAt < staleTokenMs) {
      return new ConnectionError(error.message, { cause: error });
    }
    return new AuthenticationError(
      `Give the token of the scheduler, ${this.#where(target.url)}: ${error.message}${hint}`,
    );
  }

  /** The target's name and its address, for errors. */
  #where(address: string): string {
    const url = withoutPin(address);
    const { describeTarget } = this.#options;
    const written = this.#written === undefined ? "" : `, ${this.#written}`;
    return url === describeTarget ? url : `${describeTarget} (${url}${written})`;
  }

  #isFinal(error: unknown): boolean {
    return (
      error instanceof AuthenticationError ||
      error instanceof ProtocolError ||
      error instanceof RejectedError
    );
  }

  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // Who has lost a session and waits for nothing may end.
    const cancel = this.#clock.setTimeout(resolve, ms, { keepAlive: !this.#startsOver });
    const stop = () => resolve();
    signal?.addEventListener("abort", stop);
    await promise;
    cancel();
    signal?.removeEventListener("abort", stop);
  }

  /** Asks for the target with a time limit, because a shared file system may block for ever. */
  async #target(timeoutMs: number): Promise<DialTarget> {
    const { promise, reject } = Promise.withResolvers<never>();
    const { describeTarget } = this.#options;
    const cancel = this.#clock.setTimeout(
      () => reject(new ConnectionError(`${describeTarget} was not there in time`)),
      timeoutMs,
    );
    try {
      const target = await Promise.race([this.#options.target(), promise]);
      if (target !== undefined) return target;
    } finally {
      cancel();
    }
    throw new ConnectionError(`${describeTarget} is not there yet`);
  }
}

/**
 * How long this process stood still: it was busy, or its machine slept. That time says nothing of the
 * scheduler, and is not counted.
 */
function stoodStillMs(tookMs: number, expectedMs: number): number {
  const lateMs = tookMs - expectedMs;
  return lateMs > noticedLateMs ? lateMs : 0;
}

/** How long to look for a scheduler that is out of reach. A journal has the session for longer than the grace period. */
export function absenceMs(
  { graceMs, absenceMs: saidMs }: Welcome,
  { absenceMs: ownMs, outageMs = 0 }: { absenceMs?: number; outageMs?: number },
): number {
  return saidMs === undefined ? Math.max(graceMs, outageMs) : (ownMs ?? saidMs);
}

function settingsOf(welcome: Welcome): { heartbeatMs: number; frameBytes: number } {
  const { heartbeatMs, frameBytes } = welcome;
  return { heartbeatMs, frameBytes: Math.min(frameBytes, limits.frameBytes) };
}
