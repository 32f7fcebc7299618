// What clients do: come and go, submit and let go, cancel, retry, fetch and ask.

import type { FromClient } from "../../../src/wire/protocol.ts";
import { giveUp, retire, scatter } from "../values/copies.ts";
import { coordinate, giveBack, handBack, took } from "../coordination/requests.ts";
import { answer } from "../tasks/explain.ts";
import { declineAll, take } from "./retention.ts";
import { give, publish, unpublish } from "./published.ts";
import { restart, shutDown } from "../workers/restart.ts";
import { locate, whoHas } from "../values/locating.ts";
import { recompute } from "../values/recompute.ts";
import { samePayload } from "../../../src/payload/same-payload.ts";
import { leaveSpec, specFor } from "../tasks/specs.ts";
import type { Client, ClientId, Spec, State, Task } from "../state.ts";
import {
  addInputs,
  admit,
  cancel,
  createTask,
  fail,
  forgetIfUnneeded,
  isSettled,
  reopen,
  tellOutcome,
} from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { addWant, removeWant, removeWants } from "./wants.ts";

export function join({ state, now, effects }: StepContext, id: ClientId, name: string): void {
  const client: Client = {
    id,
    name,
    joinedAt: now,
    specs: new Map(),
    lanes: new Map(),
    awayUntil: undefined,
    gone: false,
    within: undefined,
  };
  state.clients.set(id, client);
  effects.log("info", `client ${name} joined`);
}

export function away({ state, now }: StepContext, id: ClientId): void {
  const client = state.clients.get(id);
  if (client === undefined) return;
  const at = now + state.options.graceMs;
  client.awayUntil = at;
  state.timers.add({ at, due: "client-grace", client });
}

export function back({ state }: StepContext, id: ClientId): void {
  const client = state.clients.get(id);
  if (client) client.awayUntil = undefined;
}

/** Its tasks are let go: those that nobody else wants end, unless it asked for them to be run anyway. */
export function leave(step: StepContext, id: ClientId): void {
  const { state, effects } = step;
  const client = state.clients.get(id);
  if (client === undefined) return;
  state.clients.delete(id);
  effects.log("info", `client ${client.name} left`);
  letGoOfAll(step, client);
  effects.disconnect(id, "left");
}

/** It is gone, a program's or one inside a task: all that it held is let go. */
export function letGoOfAll(step: StepContext, client: Client): void {
  client.gone = true;
  // Rare for programs, so it may look at every task; a set for each would cost each task a place in it.
  for (const task of client.within?.wants ?? step.state.tasks.values()) {
    letGo(step, client, [task]);
  }
  giveBack(step, client);
  declineAll(step, client);
  step.effects.drop(client);
}

export function receive(step: StepContext, from: ClientId, messages: readonly FromClient[]): void {
  const client = step.state.clients.get(from);
  if (client) receiveFrom(step, client, messages);
}

export function receiveFrom(
  step: StepContext,
  client: Client,
  messages: readonly FromClient[],
): void {
  for (const message of messages) {
    switch (message.type) {
      case "submit":
        submit(step, client, message);
        break;
      case "cancel": {
        const how = { reason: message.reason, force: message.force ?? false };
        for (const task of known(step.state, message.keys)) {
          cancel(step, task, client, how);
          giveUp(step, task, client);
        }
        break;
      }
      case "release":
        letGo(step, client, known(step.state, message.keys));
        break;
      case "retry":
        for (const task of known(step.state, message.keys)) retry(step, client, task);
        break;
      case "detach":
        for (const task of known(step.state, message.keys)) {
          if (!isSettled(task)) task.detachedBy ??= client;
        }
        break;
      case "fetch":
        for (const key of message.keys) locate(step, client, key);
        break;
      case "scatter":
        scatter(step, client, message);
        break;
      case "who-has":
        whoHas(step, client, message);
        break;
      case "retire":
        retire(step, client, message);
        break;
      case "take":
        take(step, client, message.offer);
        break;
      case "publish":
        step.effects.send(client, publish(step, client, message));
        break;
      case "published":
        step.effects.send(client, give(step, client, message));
        break;
      case "unpublish":
        step.effects.send(client, unpublish(step, message));
        break;
      case "restart":
        restart(step, client, message);
        break;
      case "shutdown":
        shutDown(step, client, message.reason);
        break;
      case "coordinate":
        coordinate(step, client, message);
        break;
      case "took":
        took(step, client, message.ids);
        break;
      case "give-back":
        handBack(step, client, message.ids);
        break;
      case "ask":
        step.effects.send(client, answer(step, message));
        break;
      default:
        message satisfies never;
    }
  }
}

/** A client needs these tasks no more, and is not to hear of any of them again. */
function letGo(step: StepContext, client: Client, tasks: readonly Task[]): void {
  const letGo = tasks.filter((task) => removeWant(task, client));
  for (const task of letGo) {
    giveUp(step, task, client);
    forgetIfUnneeded(step, task);
  }
}

type Submit = Extract<FromClient, { type: "submit" }>;

function submit(step: StepContext, client: Client, message: Submit): void {
  const { keys, args, inputs } = message;
  const { state } = step;
  const spec = specFor(state, client, message.name, message.options);
  const { delayMs, startAt } = spec.options;
  const until = delayMs !== undefined ? step.now + delayMs : startAt;
  // Held while its first tasks settle at once and are forgotten, so that it outlives the message.
  spec.tasks++;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const inputKeys = inputs?.[index]?.length ? inputs[index] : undefined;
    const existing = state.tasks.get(key);
    if (existing && !isOver(step, existing)) {
      rejoin(step, client, existing, { spec, args: args[index]!, inputKeys });
      continue;
    }
    const task = createTask(step, spec, { key, args: args[index]!, inputKeys });
    addWant(task, client);
    if (inputKeys && !findInputs(step, task, inputKeys)) continue;
    admit(step, task, until, "submitted");
  }
  leaveSpec(state, spec);
}

/** Finds the tasks that the arguments refer to; fails the task when one of them is not known. */
function findInputs(step: StepContext, task: Task, keys: readonly string[]): boolean {
  // Of its length from the start: what grows by itself takes room for seventeen.
  const found = new Array<Task>(keys.length);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const input = step.state.tasks.get(key);
    if (input === undefined || input === task) {
      const { name } = task.spec.function;
      const message = `the future ${key} among its arguments is not known here: was it released, or is it of another scheduler?`;
      fail(step, task, { code: "lost-data", message, key: task.key, task: name }, "input unknown");
      return false;
    }
    found[index] = input;
  }
  addInputs(step, task, found);
  return true;
}

/**
 * A cancelled task has no more to give: its key is free, though some client still holds a future of
 * it. Those futures were cancelled, and stay so.
 */
function isOver(step: StepContext, task: Task): boolean {
  if (task.state.at !== "cancelled") return false;
  removeWants(task);
  forgetIfUnneeded(step, task);
  return !step.state.tasks.has(task.key);
}

/** The same key again: the same call joins the task there is, another call is refused. */
function rejoin(
  step: StepContext,
  client: Client,
  existing: Task,
  call: { spec: Spec; args: Task["args"]; inputKeys: readonly string[] | undefined },
): void {
  const { key } = existing;
  const isSameCall =
    existing.spec.function === call.spec.function &&
    samePayload(existing.args, call.args) &&
    existing.inputKeys?.join("\n") === call.inputKeys?.join("\n");
  if (!isSameCall) {
    const { name } = existing.spec.function;
    const message = `choose another key: "${key}" already names a call of "${name}", with this or other arguments`;
    const failure = { code: "key-conflict", message, key, task: call.spec.function.name };
    step.effects.failed(client, key, failure);
    return;
  }
  addWant(existing, client);
  if (existing.state.at === "released") recompute(step, [existing], "wanted again");
  tellOutcome(step, client, existing);
}

function retry(step: StepContext, client: Client, task: Task): void {
  // Not failed any more, or never: the client hears how it stands, since it asked.
  if (!reopen(step, task)) tellOutcome(step, client, task);
}

function known(state: State, keys: readonly string[]): Task[] {
  const found: Task[] = [];
  for (const key of keys) {
    const task = state.tasks.get(key);
    if (task) found.push(task);
  }
  return found;
}
