// Specs: what the tasks of one call site share, its function and its options. A spec is made with its
// first task and goes with its last; its lane and its placement constraint are shared with other specs.

import type { TaskOptions } from "../../../src/wire/protocol.ts";
import { enterConstraint, leaveConstraint } from "../placement/constraints.ts";
import { createLane, type Lane } from "../placement/lanes.ts";
import { enterHeap } from "../memory/ledger.ts";
import { specBytes } from "../memory/sizes.ts";
import type { Client, PlacementConstraint, Spec, State, Task } from "../state.ts";
import { Line } from "../structures/line.ts";
import { functionKey, referenceTo, type FunctionReference } from "./functions.ts";
import { enterRunHeads, leaveRunHeads } from "./run-heads.ts";

export const noOptions: TaskOptions = {};

export function specFor(
  state: State,
  client: Client,
  reference: FunctionReference,
  options: TaskOptions = noOptions,
): Spec {
  const key = functionKey(reference);
  const signature = options === noOptions ? `=${key}` : JSON.stringify([key, options]);
  const known = client.specs.get(signature);
  // A sub-task is as urgent as its task, which may have become more urgent, unless it says otherwise.
  const priority = options.priority ?? client.within?.dispatch.task.spec.priority ?? 0;
  if (known) return known.priority === priority ? known : specAt(state, known, priority);
  return createSpec(state, { client, signature, options, priority }, reference);
}

/** The spec that is like this one and has another priority. */
export function specAt(state: State, like: Spec, priority: number): Spec {
  const { client, options, function: facts } = like;
  // Nobody else has a signature that begins so.
  const signature = `${priority} ${like.signature.slice(like.signature.search(/[=[]/))}`;
  const known = client.specs.get(signature);
  return known ?? createSpec(state, { client, signature, options, priority }, referenceTo(facts));
}

function createSpec(
  state: State,
  of: Pick<Spec, "client" | "signature" | "options" | "priority">,
  reference: FunctionReference,
): Spec {
  const { client, signature, options, priority } = of;
  const constraint = enterConstraint(state, reference, options);
  const lane = enterLane(state, client, priority, constraint);
  const { function: facts } = constraint;
  const said = {
    client,
    signature,
    options,
    priority,
    function: facts,
    constraint,
    lane,
    tasks: new Line<Task>(),
    inUse: 0,
  };
  const spec: Spec = { ...said, heads: enterRunHeads(state, said) };
  client.specs.set(signature, spec);
  enterHeap(state, specBytes(spec));
  return spec;
}

/** The task is of this spec from now on. */
export function enterSpec(task: Task, spec: Spec): void {
  task.spec = spec;
  spec.tasks.join(task);
}

/** The task is gone for good, or is of another spec from now on. */
export function leaveSpec(state: State, task: Task): void {
  const { spec } = task;
  spec.tasks.leave(task);
  forgetIfUnused(state, spec);
}

/** Keeps the spec, though its first tasks may be settled and forgotten at once, until `endUse`. */
export function useSpec(spec: Spec): void {
  spec.inUse++;
}

export function endUse(state: State, spec: Spec): void {
  spec.inUse--;
  forgetIfUnused(state, spec);
}

function forgetIfUnused(state: State, spec: Spec): void {
  if (spec.tasks.size + spec.inUse > 0) return;
  spec.client.specs.delete(spec.signature);
  enterHeap(state, specBytes(spec), -1);
  endTimer(state, spec);
  leaveRunHeads(state, spec.heads);
  leaveLane(state, spec.lane);
  leaveConstraint(state, spec.constraint);
}

/** Its timer would keep it, and all that it says, in memory until it is due. */
function endTimer({ timers, unschedulableTimers }: State, spec: Spec): void {
  const timer = unschedulableTimers.get(spec);
  if (timer === undefined) return;
  timers.cancel(timer);
  unschedulableTimers.delete(spec);
}

/** The lane of sub-tasks belongs to the program that they are for: it takes turns with other programs. */
function enterLane(
  state: State,
  client: Client,
  priority: number,
  constraint: PlacementConstraint,
): Lane {
  const { root = client, depth = 0 } = client.within ?? {};
  const name = `${priority} ${depth} ${constraint.signature}`;
  let lane = root.lanes.get(name);
  if (lane === undefined) {
    lane = createLane({ client: root, name, priority, depth, constraint });
    root.lanes.set(name, lane);
    constraint.lanes.add(lane);
    state.ready.attach(lane);
  }
  lane.specs++;
  return lane;
}

function leaveLane(state: State, lane: Lane): void {
  lane.specs--;
  if (lane.specs > 0) return;
  lane.client.lanes.delete(lane.name);
  lane.constraint.lanes.delete(lane);
  state.ready.detach(lane);
}
