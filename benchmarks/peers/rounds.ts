// Takes the figures: in each round every peer in turn, thence beside it on the same measure right before or
// after, for a shared machine is quicker at one moment than at the next.

import { median } from "../runner/statistics.ts";
import { figureOf, takesTooLong, type Measure } from "./measures.ts";
import { thenceDriver, type Peer } from "./peers.ts";
import { Session, type Driven } from "./session.ts";
import type { Gap, Pair } from "./table.ts";

/** What is quick is taken several times in a row, and the median is the figure of the round. */
const TURNS = 5;
const TURNS_WITHIN_MS = 500;
const ONE_AT_A_TIME_WITHIN_MS = 5_000;
const WARM_UP = { calls: 500, untilMs: 1_000 };

export type RoundsOptions = {
  peers: readonly Peer[];
  /** At the sizes of this run. */
  measures: readonly Measure[];
  rounds: number;
  report: (line: string) => void;
  signal: AbortSignal;
  /** Told of each session, to end it when the run is interrupted. */
  open: (session: Session) => void;
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

/** One peer in one round. */
class Visit {
  readonly #peer: Peer;
  readonly #round: number;
  readonly #options: RoundsOptions;
  readonly #taken: Rounds;
  readonly #rates = new Map<string, number>();

  constructor(peer: Peer, round: number, options: RoundsOptions, taken: Rounds) {
    this.#peer = peer;
    this.#round = round;
    this.#options = options;
    this.#taken = taken;
  }

  async take(): Promise<void> {
    const { measures, signal } = this.#options;
    const sessions: Session[] = [];
    const open = (session: Session) => {
      sessions.push(session);
      this.#options.open(session);
    };
    try {
      const start = measures.find(({ kind }) => kind === "start");
      const thence = await startUp({ driver: thenceDriver }, open);
      const peer = await startUp(this.#peer, open);
      if (start !== undefined) this.#keep(start, peer.seconds, thence.seconds);
      await warmUp(thence.session);
      await warmUp(peer.session);
      for (const measure of measures) {
        signal.throwIfAborted();
        await this.#beside(measure, peer.session, thence.session);
      }
    } catch (error) {
      signal.throwIfAborted();
      for (const measure of measures) {
        if (!this.#isTaken(measure)) this.#fail(measure, error);
      }
    } finally {
      await Promise.all(sessions.map((session) => session.end()));
    }
  }

  async #beside(measure: Measure, peer: Session, thence: Session): Promise<void> {
    if (measure.kind === "start" || this.#peer.lacks?.includes(measure.name) === true) return;
    const rate = measure.after === undefined ? undefined : this.#rates.get(measure.after);
    if (rate !== undefined && takesTooLong(rate, measure.size)) {
      this.#taken.gaps.push({ peer: this.#peer.name, measure: measure.name, why: "too long" });
      // Of what would follow, too.
      this.#rates.set(measure.name, rate);
      return;
    }
    const figures = new Map<Session, number>();
    for (const session of this.#round % 2 === 0 ? [peer, thence] : [thence, peer]) {
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
    this.#taken.pairs.push({ peer: this.#peer.name, measure: name, peerFigure, thenceFigure });
    const [own, theirs] = [thenceFigure, peerFigure].map((figure) => figure.toFixed(decimals));
    this.#say(`${about.padEnd(25)}${theirs?.padStart(12)}   thence ${own}`);
  }

  #fail({ name, about }: Measure, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const failed = { peer: this.#peer.name, measure: name };
    this.#taken.gaps.push({ ...failed, why: "failed" });
    this.#taken.failures.push({ ...failed, round: this.#round, message });
    this.#say(`${about.padEnd(25)} failed: ${message.trim().split("\n").at(-1)}`);
  }

  #isTaken({ name }: Measure): boolean {
    const { lacks } = this.#peer;
    return lacks?.includes(name) === true || this.#rates.has(name);
  }

  #say(words: string): void {
    this.#options.report(`round ${this.#round}  ${this.#peer.name.padEnd(16)}${words}`);
  }
}

async function startUp(driven: Driven, open: (session: Session) => void) {
  const before = performance.now();
  const session = await Session.start(driven, open);
  await session.ask({ measure: "round-trip", size: 1, withinMs: ONE_AT_A_TIME_WITHIN_MS });
  return { session, seconds: (performance.now() - before) / 1000 };
}

async function warmUp(session: Session): Promise<void> {
  const until = performance.now() + WARM_UP.untilMs;
  do await session.ask({ measure: "map", size: WARM_UP.calls, withinMs: ONE_AT_A_TIME_WITHIN_MS });
  while (performance.now() < until);
}

async function sample(session: Session, measure: Measure): Promise<number> {
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
