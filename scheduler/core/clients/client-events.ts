// Clients come and go, and their messages: each is handed to the room that it belongs to.

import type { Failure, FromClient } from "../../../src/wire/protocol.ts";
import { rightFor, type Right } from "../../../src/wire/rights.ts";
import { abandonScatter } from "../values/scattering.ts";
import { giveBack, handBack, took } from "../coordination/requests.ts";
import { createClient } from "./create-client.ts";
import { endFeed, endFeeds, receiveRead } from "./feeds.ts";
import { fittingReason } from "../memory/fitting.ts";
import { enterHeap } from "../memory/ledger.ts";
import { whyFull } from "../memory/levels.ts";
import { clientBytes } from "../memory/sizes.ts";
import { refuseBurden, withoutBurden, type Refused } from "./refusing.ts";
import { acceptOffer, declineOffers } from "./retention.ts";
import { leaveOutput, receiveTaken } from "./output.ts";
import { receiveRequest } from "./requests.ts";
import { shutDown } from "../workers/restart.ts";
import { locate } from "../values/locating.ts";
import type { Client, ClientId, State, Task } from "../state.ts";
import { tellTimeLimit } from "../time-limit.ts";
import { stoodStill } from "../timers.ts";
import { cancel, forgetIfUnneeded, isSettled, reopen, tellOutcome } from "../tasks/lifecycle.ts";
import { submit } from "../tasks/submitting.ts";
import type { StepContext } from "../tasks/transition.ts";
import { removeWant, wantsOf } from "./wants.ts";

export function join(step: StepContext, id: ClientId, name: string, right?: Right): void {
  const { state, now, effects } = step;
  const client = createClient(id, name, now, { onlyLooks: right === "view" });
  state.clients.set(id, client);
  enterHeap(state, clientBytes(client));
  effects.log("info", `client ${name} joined`);
  tellTimeLimit(step, client);
}

/** A client that is only silent may be busy, or its machine sleeps: it has more time than one that is cut off. */
export function away({ state, now }: StepContext, id: ClientId, isSilent: boolean): void {
  const client = state.clients.get(id);
  if (client === undefined) return;
  const { graceMs, clientGraceMs } = state.options;
  grantGrace(state, client, now + (isSilent ? clientGraceMs : graceMs));
}

function grantGrace(state: State, client: Client, until: number): void {
  client.awayUntil = until;
  state.timers.add(until, { kind: "client-grace", client });
}

/** The grace of a client has ended, unless the scheduler itself stood still when it did. */
export function endGrace(step: StepContext, client: Client): void {
  const { state, now } = step;
  const { awayUntil, id, gone } = client;
  if (gone || awayUntil === undefined || awayUntil > now) return;
  if (stoodStill(awayUntil, now)) grantGrace(state, client, now + state.options.graceMs);
  else leave(step, id);
}

export function back({ state }: StepContext, id: ClientId): void {
  const client = state.clients.get(id);
  if (client) client.awayUntil = undefined;
}

/** Removes a client for good. Tasks that only it wanted end, unless it detached them. */
export function leave(step: StepContext, id: ClientId): void {
  const { state, effects } = step;
  const client = state.clients.get(id);
  if (client === undefined) return;
  state.clients.delete(id);
  effects.log("info", `client ${client.name} left`);
  releaseAll(step, client);
  giveBack(step, client);
  effects.disconnect(id, "left");
}

/** The end of a client, a program's or one inside a task: releases its tasks. `giveBack` follows. */
export function releaseAll(step: StepContext, client: Client): void {
  // One inside a task that holds leases ends twice: for its tasks, and for these.
  if (!client.gone) enterHeap(step.state, clientBytes(client), -1);
  client.gone = true;
  release(step, client, wantsOf(client));
  declineOffers(step, client);
  endFeeds(step, client);
  step.effects.drop(client);
}

/** @param whyNot nothing new is taken, and why */
export function receive(
  step: StepContext,
  from: ClientId,
  messages: readonly (FromClient | Refused)[],
  whyNot?: string,
): void {
  const client = step.state.clients.get(from);
  if (client) receiveFrom(step, client, messages, whyNot);
}

export function receiveFrom(
  step: StepContext,
  client: Client,
  messages: readonly (FromClient | Refused)[],
  whyNot?: string,
): void {
  let passed = new Set<Task>();
  for (const [index, said] of messages.entries()) {
    if (client.onlyLooks && said.type !== "refused" && rightFor[said.type] !== "view") {
      refuseLooker(step, client, said);
      continue;
    }
    const why = whyNot ?? whyFull(step);
    const message = why === undefined ? said : withoutBurden(said);
    switch (message.type) {
      case "refused":
        refuseBurden(step, client, message, why ?? "");
        break;
      case "submit":
        submit(step, client, message);
        break;
      case "cancel": {
        const { force = false } = message;
        const reason = fittingReason(step.state, message.reason);
        const before = messages[index - 1];
        // A loop over a graph says one after another, and each of its tasks may depend on the one before.
        const goesOn = before?.type === "cancel" && (before.force ?? false) === force;
        passed = goesOn ? passed : new Set();
        for (const task of known(step.state, message.keys)) {
          cancel(step, task, client, { reason, force, passed });
          abandonScatter(step, task, client);
        }
        break;
      }
      case "release":
        release(step, client, known(step.state, message.keys));
        break;
      case "retry":
        retry(step, client, known(step.state, message.keys));
        break;
      case "detach":
        for (const task of known(step.state, message.keys)) {
          if (!isSettled(task)) task.detachedBy ??= client;
        }
        break;
      case "fetch":
        for (const key of message.keys) locate(step, client, key);
        break;
      case "take":
        acceptOffer(step, client, message.offer);
        break;
      case "shutdown":
        shutDown(step, client, message.reason);
        break;
      case "took":
        took(step, client, message.ids);
        break;
      case "output-taken":
        receiveTaken(step, message);
        break;
      case "events-read":
        receiveRead(step, client, message.feed, message.count);
        break;
      case "events-end":
        endFeed(step, client, message.feed);
        break;
      case "give-back":
        handBack(step, client, message.ids);
        break;
      default:
        receiveRequest(step, client, message);
    }
  }
}

/** Answers what a view token does not allow; what has no answer has no effect. */
function refuseLooker({ effects }: StepContext, client: Client, message: FromClient): void {
  const what = `use the full token: this one only allows to look, not to ${message.type}`;
  const failure: Failure = { code: "not-permitted", message: what };
  if (message.type === "submit") {
    for (const key of message.keys) effects.failed(client, key, failure);
  } else if ("id" in message) effects.refuse(client, message.id, failure);
}

/** The client does not want these tasks any more, and is told nothing of them from here on. */
function release(step: StepContext, client: Client, tasks: readonly Task[]): void {
  // All wants end first, so that none of these tasks is settled for the client while others are forgotten.
  const released = tasks.filter((task) => removeWant(step, task, client));
  for (const task of released) {
    abandonScatter(step, task, client);
    leaveOutput(step, client, task);
    forgetIfUnneeded(step, task);
  }
}

function retry(step: StepContext, client: Client, tasks: readonly Task[]): void {
  const reopened = reopen(step, tasks);
  // The others have not failed, or not any more: the client expects an answer, and is told the outcome.
  for (const task of tasks) if (!reopened.has(task)) tellOutcome(step, client, task);
}

function known(state: State, keys: readonly string[]): Task[] {
  const found: Task[] = [];
  for (const key of keys) {
    const task = state.tasks.get(key);
    if (task) found.push(task);
  }
  return found;
}
