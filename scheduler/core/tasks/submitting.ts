// Submission: a message of calls becomes tasks, with the inputs that their arguments refer to. A key
// that is in use joins its task when the call is the same, and is refused when it is another.

import type { FromClient } from "../../../src/wire/protocol.ts";
import { keep } from "../clients/keeping.ts";
import { addWant, removeWants } from "../clients/wants.ts";
import { whyNoRate } from "../placement/limits.ts";
import { samePayload } from "../../../src/payload/same-payload.ts";
import type { Client, Spec, Task } from "../state.ts";
import { withOne } from "../structures/small-set.ts";
import { recompute } from "../values/recompute.ts";
import { admit, createTask, fail, forgetIfUnneeded, tellOutcome } from "./lifecycle.ts";
import { isSameFunction } from "./functions.ts";
import { endUse, specFor, useSpec } from "./specs.ts";
import type { StepContext } from "./transition.ts";
import { hurryInputs } from "./urgency.ts";

type Submit = Extract<FromClient, { type: "submit" }>;

export function submit(step: StepContext, client: Client, message: Submit): void {
  const { keys, args, inputs } = message;
  const { state } = step;
  const why = message.options && whyNoRate(state, message.name, message.options);
  if (why !== undefined) {
    const failure = { code: "overloaded", message: `make this call again later: ${why}` };
    for (const key of keys) step.effects.failed(client, key, failure);
    return;
  }
  const spec = specFor(state, client, message, message.options);
  const { keepMs } = spec.options;
  useSpec(spec);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const inputKeys = inputs?.[index]?.length ? inputs[index] : undefined;
    const existing = state.tasks.get(key);
    if (existing && !isOver(step, existing)) {
      rejoin(step, client, existing, { spec, args: args[index]!, inputKeys });
      continue;
    }
    const task = createTask(step, spec, { key, args: args[index]!, inputKeys });
    addWant(step, task, client);
    if (keepMs !== undefined) keep(step, task, keepMs);
    if (inputKeys && !findInputs(step, task, inputKeys)) continue;
    admit(step, task, "submitted");
  }
  endUse(state, spec);
}

/** Finds the tasks that the arguments refer to. When one is not known, fails the task and returns false. */
export function findInputs(step: StepContext, task: Task, keys: readonly string[]): boolean {
  // Of its full length from the start: an array that grows by `push` has room for seventeen.
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
 * Whether the key of a cancelled task is free again. Futures of it that clients still hold were
 * cancelled and stay so, and its `keepMs` is over; only a retention keeps the task, and its key.
 */
function isOver(step: StepContext, task: Task): boolean {
  if (task.state.at !== "cancelled") return false;
  removeWants(step, task);
  step.state.kept.delete(task);
  forgetIfUnneeded(step, task);
  return !step.state.tasks.has(task.key);
}

/** A key that is in use: the same call joins the task that has it, another call is refused. */
function rejoin(
  step: StepContext,
  client: Client,
  existing: Task,
  call: { spec: Spec; args: Task["args"]; inputKeys: readonly string[] | undefined },
): void {
  const { key } = existing;
  const isSameCall =
    isSameFunction(existing.spec.function, call.spec.function) &&
    samePayload(existing.args, call.args) &&
    areSame(existing.inputKeys, call.inputKeys);
  if (!isSameCall) {
    const { name } = existing.spec.function;
    const message = `choose another key: "${key}" already names a call of "${name}", with this or other arguments`;
    const failure = { code: "key-conflict", message, key, task: call.spec.function.name };
    step.effects.failed(client, key, failure);
    return;
  }
  addWant(step, existing, client);
  const { keepMs } = call.spec.options;
  if (keepMs !== undefined) keep(step, existing, keepMs);
  if (existing.state.at === "released") recompute(step, [existing], "wanted again");
  tellOutcome(step, client, existing);
}

/** Costs no more than the shorter list, however often it is compared with a long one. */
function areSame(some: readonly string[] = [], others: readonly string[] = []): boolean {
  return some.length === others.length && some.every((key, index) => key === others[index]);
}

/** Makes a task depend on its inputs. Those that were released run again. */
function addInputs(step: StepContext, task: Task, inputs: readonly Task[]): void {
  task.inputs = inputs;
  let gone: Task[] | undefined;
  for (const input of inputs) {
    input.dependents = withOne(input.dependents, task);
    if (input.state.at === "released") (gone ??= []).push(input);
  }
  if (gone) recompute(step, gone, "needed again");
  hurryInputs(step, task);
}
