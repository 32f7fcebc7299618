// Takes the figures: in each round every peer in turn, thence beside it on the same measure right before or
// after, for a shared machine is quicker at one moment than at the next.

import { median } from "../runner/statistics.ts";
import { figureOf, takesTooLong, type Measure } from "./measures.ts";
import { thenceDriver, type Peer } from "./peers.ts";
import type { Driven, Session } from "./session.ts";
import type { Gap, Pair } from "./table.ts";

/** What is quick is taken several times in a row, and the median is the figure of the round. */
const TURNS = 5;
const TURNS_WITHIN_MS = 500;
const ONE_AT_A_TIME_WITHIN_MS = 5_000;
const WARM_UP_CALLS = 500;

/** What a session is to a round. */
export type Asked = Pick<Session, "ask" | "end">;

export type RoundsOptions = {
  peers: readonly Peer[];
  /** At the sizes of this run. */
  measures: readonly Measure[];
  rounds: number;
  /** How long every system is kept busy before anything is taken. */
  warmUpMs: number;
  report: (line: string) => void;
  signal: AbortSignal;
  start: (driven: Driven) => Promise<Asked>;
};

export type Failure = { peer: string; measure: string; round: number; message: string };
export type Rounds = { pairs: Pair[]; gaps: Gap[]; failures: Failure[] };

export async function takeRounds(options: RoundsOptions): Promise<Rounds> {
  const taken: Rounds = { pairs: [], gaps: [], failures: [] };
  for (const { name, lacks = [] } of options.peers) {
    for (const measure of lacks) taken.gaps.push({ peer: name, measure, why: "no notion" });
  }
  for (let round = 1; round <= options.rounds; round++) {
    // Who comes first in a round is another in the next.
    const turn = (round - 1) % Math.max(1, options.peers.length);
    for (const peer of [...options.peers.slice(turn), ...options.peers.slice(0, turn)]) {
      options.signal.throwIfAborted();
      await new Visit(peer, round, options, taken).take();
    }
  }
  return taken;
}

type Started = { session: Asked; seconds: number };

/** One peer in one round. */
class Visit {
  readonly #peer: Peer;
  readonly #round: number;
  readonly #options: RoundsOptions;
  readonly #taken: Rounds;
  readonly #rates = new Map<string, number>();
  /** Measures that need nothing more: taken, failed or left out. */
  readonly #settled: Set<string>;

  constructor(peer: Peer, round: number, options: RoundsOptions, taken: Rounds) {
    this.#peer = peer;
    this.#round = round;
    this.#options = options;
    this.#taken = taken;
    this.#settled = new Set(peer.lacks);
  }

  async take(): Promise<void> {
    const { measures, signal } = this.#options;
    const sessions: Asked[] = [];
    try {
      const start = measures.find(({ kind }) => kind === "start");
      const ready = new Map<Driven, Started>();
      const thenceItself: Driven = { driver: thenceDriver };
      for (const driven of this.#inTurn<Driven>(this.#peer, thenceItself)) {
        ready.set(driven, await this.#startUp(driven, sessions));
      }
      const [peer, thence] = [ready.get(this.#peer)!, ready.get(thenceItself)!];
      if (start !== undefined) this.#keep(start, peer.seconds, thence.seconds);
      await this.#warmUp(thence.session);
      await this.#warmUp(peer.session);
      for (const measure of measures) {
        signal.throwIfAborted();
        await this.#beside(measure, peer.session, thence.session);
      }
    } catch (error) {
      signal.throwIfAborted();
      for (const measure of measures) {
        if (!this.#settled.has(measure.name)) this.#fail(measure, error);
      }
    } finally {
      await Promise.all(sessions.map((session) => session.end()));
    }
  }

  /** Who goes first changes from round to round. */
  #inTurn<Side>(peer: Side, thence: Side): Side[] {
    return this.#round % 2 === 0 ? [peer, thence] : [thence, peer];
  }

  async #startUp(driven: Driven, sessions: Asked[]): Promise<Started> {
    const before = performance.now();
    const session = await this.#options.start(driven);
    sessions.push(session);
    await session.ask({ measure: "round-trip", size: 1, withinMs: ONE_AT_A_TIME_WITHIN_MS });
    return { session, seconds: (performance.now() - before) / 1000 };
  }

  async #warmUp(session: Asked): Promise<void> {
    const until = performance.now() + this.#options.warmUpMs;
    const withinMs = ONE_AT_A_TIME_WITHIN_MS;
    do await session.ask({ measure: "map", size: WARM_UP_CALLS, withinMs });
    while (performance.now() < until);
  }

  async #beside(measure: Measure, peer: Asked, thence: Asked): Promise<void> {
    if (this.#settled.has(measure.name)) return;
    const rate = measure.after === undefined ? undefined : this.#rates.get(measure.after);
    if (rate !== undefined && takesTooLong(rate, measure.size)) {
      this.#taken.gaps.push({ peer: this.#peer.name, measure: measure.name, why: "too long" });
      this.#settled.add(measure.name);
      return;
    }
    const figures = new Map<Asked, number>();
    for (const session of this.#inTurn(peer, thence)) {
      try {
        figures.set(session, await sample(session, measure));
      } catch (error) {
        this.#fail(measure, error);
        return;
      }
    }
    const peerFigure = figures.get(peer)!;
    this.#rates.set(measure.name, peerFigure);
    this.#keep(measure, peerFigure, figures.get(thence)!);
  }

  #keep({ name, about, decimals }: Measure, peerFigure: number, thenceFigure: number): void {
    this.#settled.add(name);
    this.#taken.pairs.push({ peer: this.#peer.name, measure: name, peerFigure, thenceFigure });
    const [own, theirs] = [thenceFigure, peerFigure].map((figure) => figure.toFixed(decimals));
    this.#say(`${about.padEnd(25)}${theirs?.padStart(12)}   thence ${own}`);
  }

  #fail({ name, about }: Measure, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#settled.add(name);
    const failed = { peer: this.#peer.name, measure: name };
    this.#taken.gaps.push({ ...failed, why: "failed" });
    this.#taken.failures.push({ ...failed, round: this.#round, message });
    this.#say(`${about.padEnd(25)} failed: ${message.trim().split("\n").at(-1)}`);
  }

  #say(words: string): void {
    this.#options.report(`round ${this.#round}  ${this.#peer.name.padEnd(16)}${words}`);
  }
}

async function sample(session: Asked, measure: Measure): Promise<number> {
  const { kind, size } = measure;
  if (kind === "start") throw new Error("A start is no question to a driver.");
  const figures: number[] = [];
  const until = performance.now() + TURNS_WITHIN_MS;
  do {
    const withinMs = ONE_AT_A_TIME_WITHIN_MS;
    const answer = await session.ask({ measure: kind, size, withinMs });
    figures.push(figureOf(measure, answer));
  } while (figures.length < TURNS && performance.now() < until);
  return median(figures);
}
