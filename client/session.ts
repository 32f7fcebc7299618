// A client's side of its link: which tasks it asked for, what has become of them, and the questions
// it waits on. It knows keys, payloads and messages; what users hold in their hands is `future.ts`.

import { delay } from "./delay.ts";
import { describeDuration } from "../src/duration.ts";
import type { DialEvents } from "../src/link/dial.ts";
import {
  ConnectionError,
  KeyConflictError,
  isRefusal,
  OverloadedError,
  SerializationError,
  TaskCancelledError,
  TimeLimitError,
} from "../src/errors/errors.ts";
import { asText, atCaller } from "../src/errors/stack.ts";
import { errorOf } from "../src/errors/failure.ts";
import type { Encoded } from "../src/payload/payload.ts";
import { GoodbyeError } from "../src/link/socket.ts";
import { KeyTable } from "../src/key-table.ts";
import { clearTimeout, setTimeout } from "../src/timers.ts";
import type { Failure, FromClient, ToClient } from "../src/wire/protocol.ts";
import type { ParametersOf, RequestName, ResultOf } from "../src/wire/requests.ts";
import { Borrowing } from "./borrowing.ts";
import type { Held } from "./coordination/held.ts";
import type { Connection } from "./connection.ts";
import type { Fetcher, Located } from "./fetcher.ts";
import { cancelled, FutureState, passedOn } from "./future-state.ts";
import { Gate } from "./gate.ts";
import { KeyMint, mintId } from "./key-mint.ts";
import { NamedCalls } from "./named-calls.ts";
import { MessageWriter, type SubmitHead } from "./message-writer.ts";
import { checkParameters } from "./parameter-checks.ts";
import { viewersError } from "./viewing.ts";
import { Outputs, type OutputListener } from "./outputs.ts";
import { PendingRequests, type Waiting } from "./requests.ts";
import { firstOf, membersOf, SharedState, type Entry } from "./shared-state.ts";
import { Streams } from "./streams.ts";
import { Wanted } from "./wanted.ts";

/** Between two tries to get a value, in milliseconds. */
const refetchMs = 200;

export class Session {
  /** Known to the scheduler and to nobody else: who presents it resumes this session. */
  readonly id = mintId(22);
  #connection: Connection | undefined;
  #writer: MessageWriter | undefined;
  #gate: Gate | undefined;
  /** Why nothing can be asked of the scheduler any more. */
  #ended: Error | undefined;
  /** Why the last scheduler is lost, while there is no next one. */
  #lost: Error | undefined;
  /** The newest loss of a scheduler, for what asks a scheduler more than once. */
  lastLoss: Error | undefined;
  /** What is asked for while there is no scheduler waits so long, in milliseconds. */
  readonly #patienceMs: number;
  #patience: ReturnType<typeof setTimeout> | undefined;
  /** The tasks that this client holds, by key, each with what the scheduler said of it. */
  readonly #states = new KeyTable<Entry>();
  readonly #keys = new KeyMint();
  readonly #ending = new AbortController();
  /** Of a shutdown: resolves when the scheduler has said goodbye, rejects when it was lost without. */
  #over: PromiseWithResolvers<void> | undefined;
  #fetcher: Fetcher | undefined;
  /** By key, who is told where to send a value that is being scattered. */
  readonly #scattering = new Map<string, (located: Located) => void>();
  readonly #requests = new PendingRequests();
  readonly #outputs = new Outputs((taken) => {
    if (!this.#ended) this.#writer?.send(taken);
  });
  readonly streams = new Streams(this.#requests, (message) => this.#open().send(message));
  /** Leases of locks and semaphores, by the request that acquired them. */
  readonly #leases = new Map<number, Held>();
  #named = this.#newNames();
  readonly #wanted = new Wanted({
    states: this.#states,
    named: () => this.#named,
    lastUnsent: () => this.#gate?.lastUnsent,
    send: (keys, read) => {
      // What is lost with the session is settled there.
      this.#send("want", { keys }, { read }).catch(() => undefined);
    },
    drop: (state) => void this.#drop(state),
    forget: (state) => this.forget(state),
  });
  readonly #borrowing = new Borrowing((limits) =>
    this.#send("ping", {}, { ...limits, read: () => undefined }),
  );

  /** @param options `patienceMs`: what is asked for while there is no scheduler waits so long */
  constructor({ patienceMs = 30_000 }: { patienceMs?: number } = {}) {
    this.#patienceMs = patienceMs;
  }

  /** For the link to tell. A drop is none of a future's business: what is sent meanwhile waits. */
  readonly events: DialEvents<ToClient> = {
    messages: (batch) => {
      for (const message of batch) this.#receive(message);
    },
    down: () => undefined,
    up: () => this.#found(),
    reset: () => {
      this.#lose(
        "submit again: the scheduler has started anew, or gave this client up after too long a " +
          "silence, and does not know its tasks any more",
      );
    },
    lost: (error) => {
      if (error instanceof GoodbyeError) this.#over?.resolve();
      this.#lost = this.#lose(`submit again: ${error.message}`, error);
    },
    unsendable: (message, error) => this.#failUnsendable(message as FromClient, error),
  };

  attach(connection: Connection, fetcher?: Fetcher): void {
    this.#connection = connection;
    this.#fetcher = fetcher;
    this.#gate = new Gate(connection);
    this.#writer = new MessageWriter(this.#gate);
  }

  /** Tasks held and answers waited for: what it keeps in memory. */
  get size(): number {
    return this.#states.size + this.#requests.size;
  }

  /** Everything that users wait for goes through here: inside a task, its slot is free meanwhile. */
  during<Value>(waiting: Promise<Value>): Promise<Value> {
    return this.#connection?.during?.(waiting) ?? waiting;
  }

  /** Aborts when whoever uses this session should stop: the time limit is near, or the session is over. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** What the scheduler at the other end said of itself. */
  get welcome(): Connection["welcome"] | undefined {
    return this.#connection?.welcome;
  }

  // ── What users ask for ────────────────────────────────────────────────────────────────────────

  /**
   * A new task under a new key; under a given one, perhaps the task that has it already. When the
   * session is over, one that is lost: whoever submits hears of it where it waits for the result.
   */
  submit(head: SubmitHead, call: Encoded, givenKey?: string): FutureState {
    const { name } = head;
    const refused = this.#whyNot;
    if (refused) return this.submitLost(head, refused, givenKey);
    const writer = this.#open();
    if (givenKey !== undefined) {
      const known = this.#known(givenKey, head, call);
      if (known) return known;
      this.#named.add(givenKey, head, call);
    }
    const key = givenKey ?? this.#keys.mint(name);
    const state = new FutureState(key, this);
    state.known = true;
    this.#states.add(state);
    this.#borrowing.submitted();
    writer.submit(head, key, call);
    for (const input of call.inputs) {
      (this.#states.get(input) ?? this.#borrowing.find(input))?.addDependent(state);
    }
    return state;
  }

  /** The task of a key, whoever submitted it. When the session is over, it is lost. */
  want(key: string): FutureState {
    const known = this.#states.get(key);
    if (known && known.status !== "cancelled") return firstOf(known);
    const refused = this.#whyNot;
    if (refused) return this.submitLost({ name: key }, refused, key);
    const state = new FutureState(key, this);
    this.#open();
    // Not `forget`: another client may have gone on with what this one has cancelled.
    if (known) for (const each of membersOf(known)) this.#drop(each);
    this.#borrowing.submitted();
    this.#wanted.add(state);
    return state;
  }

  /** A task that cannot be submitted: the session is over, or one of its inputs is lost or was refused. */
  submitLost({ name }: Pick<SubmitHead, "name">, error: Error, givenKey?: string): FutureState {
    const state = new FutureState(givenKey ?? this.#keys.mint(name), this);
    state.fail(isRefusal(error) ? "error" : "lost", error);
    return state;
  }

  /**
   * A future of another client is about to be an argument: the message waits until the scheduler has
   * heard of its task, and the future lives until the scheduler has heard of the message.
   */
  borrow(state: FutureState): void {
    if (this.#ended || this.#borrowing.find(state.key)) return;
    this.#borrowing.borrow(state, state.session.#heard(), this.#gate);
  }

  #heard(): Promise<void> | undefined {
    return this.#ended ? undefined : this.#borrowing.heard();
  }

  #newNames(): NamedCalls {
    return new NamedCalls((heard) => {
      // At once: what comes behind the answer in the same batch is about the newer call.
      this.#send("ping", {}, { read: heard }).catch(heard);
    });
  }

  /** The same call under the same key is the same task, another one is refused; a cancelled one is over. */
  #known(key: string, head: SubmitHead, call: Encoded): FutureState | undefined {
    const known = this.#states.get(key);
    if (known === undefined) return undefined;
    if (known.status === "cancelled") {
      for (const each of membersOf(known)) this.forget(each);
      return undefined;
    }
    if (this.#named.isUnknown(key)) {
      const beside = new FutureState(key, this);
      this.#wanted.addCall(beside, known, () => this.#open().submit(head, key, call));
      return beside;
    }
    const difference = this.#named.difference(key, head, call);
    if (difference === undefined) return firstOf(known);
    const refused = new FutureState(key, this);
    const message = `choose another key: "${key}" already names ${difference}`;
    refused.fail("error", new KeyConflictError(message, { key }));
    return refused;
  }

  /** The function that a key of the user's own names; undefined for keys that name it themselves. */
  functionOf(key: string): string | undefined {
    return this.#named.functionOf(key);
  }

  cancel(state: FutureState, reason: string | undefined, force: boolean): void {
    if (state.settled) return;
    const writer = this.#open();
    writer.cancel(state.key, reason, force);
    const forDependents = passedOn(state.key, reason);
    const cancelling = [state];
    for (const next of cancelling) {
      if (next.settled) continue;
      cancelling.push(...next.dependents);
      // The tasks of other clients go on for these, unless the scheduler says otherwise.
      if (next.session !== this) continue;
      // By name, since the scheduler leaves these as they are when the task has finished meanwhile.
      if (next !== state) writer.cancel(next.key, forDependents, false);
      next.fail("cancelled", cancelled(next.key, next === state ? reason : forDependents));
    }
  }

  /** Only what failed is run again; what is under way or finished stays as it is. */
  retry(state: FutureState): void {
    if (state.status === "pending" || state.status === "finished") return;
    const writer = this.#open();
    if (state.status !== "error" || !state.known) {
      const message = `submit it again: the scheduler has no task "${state.key}" of this client`;
      throw new TypeError(message, { cause: state.error });
    }
    state.reopen();
    writer.tell("retry", state.key);
  }

  /** Calls back with what the task puts out, while this client holds it. */
  listen(state: FutureState, listener: OutputListener): void {
    if (state.known && !state.settled) this.#outputs.listen(state.key, listener);
  }

  detach(state: FutureState): void {
    if (!state.settled) this.#open().tell("detach", state.key);
  }

  /**
   * The tasks whose keys the scheduler told, and which it keeps for this client until it hears of
   * this. To be called while the message that told them is being received, with handles to follow.
   */
  adopt(keys: readonly string[], offer: number | undefined): FutureState[] {
    const writer = this.#open();
    const states = keys.map((key) => {
      const known = this.#states.get(key);
      if (known && known.status !== "cancelled") return firstOf(known);
      // Not `forget`: a release would end the want that the scheduler is about to add.
      if (known) for (const each of membersOf(known)) this.#drop(each);
      const state = new FutureState(key, this);
      state.known = true;
      this.#states.add(state);
      return state;
    });
    if (offer !== undefined) writer.take(offer);
    return states;
  }

  /** What becomes of these answers. */
  tellIds(type: "took" | "give-back", id: number): void {
    this.#open().tellIds(type, id);
  }

  fetch(state: FutureState): void {
    this.#open().tell("fetch", state.key);
  }

  /** Nobody holds or awaits it any more. */
  forget(state: FutureState): void {
    if (state.known && this.#drop(state)) this.#writer?.tell("release", state.key);
  }

  /** Returns whether it was the last state of its key. */
  #drop(state: FutureState): boolean {
    state.known = false;
    if (this.#named.isUnknown(state.key)) {
      const entry = this.#states.get(state.key);
      if (entry instanceof SharedState && entry.remove(state)) return false;
    }
    this.#states.delete(state.key);
    this.#outputs.forget(state.key);
    this.#named.delete(state.key);
    return true;
  }

  /**
   * Asks the scheduler for something. Inside a task, its slot is free until the answer comes.
   *
   * @param waiting how the answer is waited for and read; default: the result itself, without a limit
   * @throws what the scheduler refused it with
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {ConnectionError} when the session is over
   */
  request<Name extends RequestName, Value = ResultOf<Name>>(
    name: Name,
    parameters: ParametersOf<Name>,
    waiting?: Waiting<ResultOf<Name>, Value>,
  ): Promise<Value> {
    return this.during(this.#send(name, parameters, waiting));
  }

  #send<Name extends RequestName, Value = ResultOf<Name>>(
    name: Name,
    parameters: ParametersOf<Name>,
    waiting: Waiting<ResultOf<Name>, Value> = { read: (result) => result as unknown as Value },
  ): Promise<Value> {
    const send = (id: number) => {
      checkParameters(name, parameters);
      this.#open().send({ type: name, id, ...parameters } as FromClient);
    };
    return this.#requests.send(send, waiting);
  }

  /** A lease that is given back when the session ends. */
  addLease(id: number, lease: Held): void {
    this.#leases.set(id, lease);
  }

  releaseLease(id: number): void {
    this.tellIds("give-back", id);
    this.#leases.delete(id);
  }

  /** A future of a value of this program's own, which is on its way: held until it is dropped. */
  createScattered(): FutureState {
    this.#open();
    const state = new FutureState(this.#keys.mint("scatter"), this);
    state.known = true;
    this.#states.add(state);
    state.addHandle();
    return state;
  }

  /** The value could not be scattered. */
  dropScattered(state: FutureState): void {
    if (!this.#ended) this.#writer?.cancel(state.key, "it could not be scattered", true);
    this.forget(state);
  }

  /** Calls back with where to send the value of a key, whenever the scheduler says so. */
  onLocated(key: string, tell: (located: Located) => void): () => void {
    this.#scattering.set(key, tell);
    return () => this.#scattering.delete(key);
  }

  get fetcher(): Fetcher | undefined {
    return this.#fetcher;
  }

  get smallResultBytes(): number {
    return this.#connection?.welcome.smallResultBytes ?? 0;
  }

  /** Why no task can be submitted or held. */
  get #whyNot(): Error | undefined {
    return this.#ended ?? viewersError(this.welcome);
  }

  /** @throws {ConnectionError} when the session is over */
  #open(): MessageWriter {
    if (this.#ended) throw atCaller(this.#ended);
    if (!this.#writer) throw new ConnectionError("connect first: there is no link yet");
    if (this.#lost) {
      this.#patience ??= setTimeout(() => this.#losePatience(), this.#patienceMs);
    }
    return this.#writer;
  }

  /** Has the scheduler end. Resolves when it has said goodbye. */
  async shutDown(reason: string | undefined): Promise<void> {
    if (this.#whyNot) throw this.#whyNot;
    this.#open().send({ type: "shutdown", ...(reason !== undefined && { reason }) });
    this.#over ??= Promise.withResolvers();
    await this.#over.promise;
  }

  /** Futures that have not settled are cancelled. Resolves when nothing of the link is left. */
  async close(): Promise<void> {
    const closed = new ConnectionError("connect again: this client was closed");
    this.#end("cancelled", closed, (key) => cancelled(key, "its client was closed"));
    this.#gate?.flush();
    this.#fetcher?.close();
    await this.#connection?.close();
  }

  /** The task that this is inside of is over, or is to end: nothing more comes. */
  end(why: Error): void {
    this.#end("cancelled", why, () => why);
  }

  // ── What the scheduler says. What is not held any more is nobody's concern ─────────────────────

  #receive(message: ToClient): void {
    switch (message.type) {
      case "finished": {
        const { keys, values } = message;
        for (let i = 0; i < keys.length; i++) this.#meant(keys[i]!)?.finish(values[i]!);
        return;
      }
      case "stored":
        for (const key of message.keys) this.#meant(key)?.store();
        return;
      case "lost":
        for (const key of message.keys) this.#meant(key)?.lose();
        return;
      case "located":
        void this.#bring(message);
        return;
      case "fetched":
        this.#meant(message.key)?.finish(message.value);
        return;
      case "failed":
        this.#fail(message.keys, message.failure);
        return;
      case "cancelled":
        for (const key of message.keys) this.#cancelled(key, message.reason);
        return;
      case "reopened":
        for (const key of message.keys) this.#meant(key)?.reopen();
        return;
      case "ending":
        this.#ending.abort(new TimeLimitError(message.reason, { leftMs: message.leftMs }));
        return;
      case "output":
        void this.#outputs.receive(message);
        return;
      case "events":
        this.streams.receive(message.feed, message.events);
        return;
      case "answer":
        this.#requests.answered(message);
        return;
      default:
        message satisfies never;
    }
  }

  /** What has settled already is cancelled by a restart only: the scheduler does not know it any more. */
  #cancelled(key: string, reason: string | undefined): void {
    const entry = this.#meant(key);
    for (const state of entry ? membersOf(entry) : []) {
      if (state.ready && state.status !== "cancelled") this.#drop(state);
      else state.fail("cancelled", cancelled(key, reason));
    }
  }

  /** A value comes from whoever has it; when it does not, the scheduler is asked again where it is. */
  async #bring(located: Located): Promise<void> {
    const { key } = located;
    const scattering = this.#scattering.get(key);
    if (scattering) return scattering(located);
    try {
      const value = await this.#fetcher?.fetch(located);
      if (value !== undefined) this.#meant(key)?.finish(value);
    } catch {
      // A holder may be gone without the scheduler knowing it yet.
      await delay(refetchMs);
      if (!this.#ended) this.#meant(key)?.refetch();
    }
  }

  #meant(key: string): Entry | undefined {
    return this.#named.isStale(key) ? undefined : this.#states.get(key);
  }

  #fail(keys: readonly string[], failure: Failure): void {
    const error = errorOf(failure);
    const status = error instanceof TaskCancelledError ? "cancelled" : "error";
    for (const key of keys) {
      const entry = this.#states.get(key);
      // The future of the call is refused; that of the task of the key, which was asked for, goes on.
      const isRefused = error instanceof KeyConflictError || error instanceof OverloadedError;
      if (isRefused && entry instanceof SharedState) {
        this.#wanted.refuse(entry, error);
        continue;
      }
      const meant = this.#meant(key);
      for (const state of meant ? membersOf(meant) : []) {
        // Refused: the key names the task of another client, which this one does not hold.
        if (error instanceof KeyConflictError) this.#drop(state);
        if (error instanceof OverloadedError) this.#refuse(state, error);
        state.fail(status, error);
      }
    }
  }

  /** The scheduler has not taken the task, and so knows no input of what was to depend on it. */
  #refuse(state: FutureState, error: OverloadedError): void {
    this.#drop(state);
    const dependents = [...state.dependents];
    for (const next of dependents) {
      if (next.settled) continue;
      dependents.push(...next.dependents);
      next.session.forget(next);
      next.fail("error", error);
    }
  }

  /** The scheduler never hears of what was too large for any frame. */
  #failUnsendable(message: FromClient, cause: Error): void {
    if ("id" in message && this.#requests.unsendable(message.id, cause)) return;
    if (message.type !== "submit") return this.events.lost(cause);
    for (const key of message.keys) {
      const entry = this.#states.get(key);
      const state = entry instanceof SharedState ? entry.unchecked.at(-1) : entry;
      if (!state) continue;
      this.#drop(state);
      state.fail("error", new SerializationError(cause.message, { cause, key }));
    }
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────

  /** What the scheduler knew is lost; what is submitted from now on is for the next one. */
  #lose(message: string, cause?: Error): Error {
    const error = new ConnectionError(message, cause && { cause });
    this.lastLoss = error;
    if (!this.#ended) this.#failAll("lost", error, () => error);
    return error;
  }

  /** The next scheduler is there. */
  #found(): void {
    this.#lost = undefined;
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #losePatience(): void {
    this.#patience = undefined;
    const lost = this.#lost!;
    this.#connection?.reset?.();
    const time = describeDuration(this.#patienceMs);
    this.#lose(`start a scheduler: for ${time} there was none, since ${lost.message}`, lost);
  }

  #end(status: "cancelled" | "lost", ended: Error, errorFor: (key: string) => Error): void {
    if (this.#ended) return;
    this.#ended = asText(ended);
    this.#found();
    this.#failAll(status, ended, errorFor);
    this.#ending.abort(ended);
  }

  #failAll(status: "cancelled" | "lost", ended: Error, errorFor: (key: string) => Error): void {
    const states = [...this.#states.values()].flatMap(membersOf);
    this.#states.clear();
    this.#outputs.forgetAll();
    this.#named = this.#newNames();
    if (status === "lost") this.#gate?.clear();
    for (const state of states) {
      state.known = false;
      if (!state.ready) state.fail(status, errorFor(state.key));
    }
    this.#over?.reject(ended);
    this.streams.endAll(status === "cancelled" ? undefined : ended);
    this.#requests.refuseAll(ended);
    for (const lease of this.#leases.values()) lease.ended(ended, status === "cancelled");
    this.#leases.clear();
  }
}
