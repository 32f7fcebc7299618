// What the scheduler does about each request that a client hears an answer to: one handler for each
// name of `src/wire/requests.ts`. A request without a handler does not compile.

import type { RequestMessage } from "../../../src/wire/protocol.ts";
import type {
  commands,
  ParametersOf,
  QueryName,
  RequestName,
  ResultOf,
} from "../../../src/wire/requests.ts";
import { coordinate } from "../coordination/requests.ts";
import { scheduleInfos } from "../schedules/filing.ts";
import { makeSchedule, unschedule } from "../schedules/requests.ts";
import type { Client, State } from "../state.ts";
import { demandFor } from "../placement/demand.ts";
import { expectNoWorkers } from "../placement/no-workers.ts";
import { explain } from "../tasks/explain.ts";
import { listTasks } from "../tasks/listing.ts";
import type { StepContext } from "../tasks/transition.ts";
import { whoHas } from "../values/locating.ts";
import { scatter } from "../values/scattering.ts";
import { restart } from "../workers/restart.ts";
import { retire } from "../workers/retiring.ts";
import { answer, later, refuse, Refusal, type Asked } from "./answers.ts";
import { openFeed } from "./feeds.ts";
import { want } from "./by-key.ts";
import { registeredAt, schedulerInfo, workerInfos } from "./info.ts";
import { give, publish, unpublish } from "./published.ts";

/** The state as it is at a moment, for those who only look. */
export type View = { readonly state: State; readonly now: number };

type Query<Name extends QueryName> = (
  view: View,
  parameters: ParametersOf<Name>,
) => ResultOf<Name> | Refusal;

/** The answers to questions, for clients and for the HTTP side alike. */
export const queries: { readonly [Name in QueryName]: Query<Name> } = {
  ping: () => null,
  info: ({ state }) => schedulerInfo(state),
  workers: ({ state }) => workerInfos(state),
  demand: demandFor,
  "registered-at": ({ state }, reference) => registeredAt(state, reference),
  explain: (view, { key }) => explain(view, key),
  tasks: listTasks,
  "who-has": ({ state }, { keys }) => whoHas(state, keys),
  schedules: ({ state }) => scheduleInfos(state),
};

type CommandName = keyof typeof commands;
type Command<Name extends CommandName> = (
  step: StepContext,
  asked: Asked<Name>,
  parameters: ParametersOf<Name>,
) => ResultOf<Name> | Refusal | typeof later;

const handlers: { readonly [Name in CommandName]: Command<Name> } = {
  want,
  publish,
  published: give,
  unpublish,
  scatter,
  retire,
  restart,
  "expect-no-workers": (step, _asked, parameters) => expectNoWorkers(step, parameters),
  events: openFeed,
  schedule: makeSchedule,
  unschedule,
  coordinate,
};

export function receiveRequest(step: StepContext, client: Client, message: RequestMessage): void {
  const about: Asked = { client, id: message.id, to: message.type };
  // Before the tasks of this step are placed, they would all seem to find no room.
  if (looksAtPlaces.has(message.type)) {
    return step.effects.atEnd(() => receive(step, about, message));
  }
  receive(step, about, message);
}
const looksAtPlaces: ReadonlySet<RequestName> = new Set(["explain", "tasks"]);

/** Of the heap's limit: what the answers to the questions of one frame may take, before the rest are refused. */
const shareOfAnswers = 1 / 8;
const askedTooMuch = {
  code: "overloaded",
  message:
    "ask again later, and for less at once: the answers to the questions before take too much memory",
} as const;

function receive(step: StepContext, about: Asked, message: RequestMessage): void {
  const { state, effects } = step;
  const isQuestion = isQuery(about.to);
  // A question is a few bytes, its answer may be megabytes, and a frame has room for a hundred thousand.
  if (isQuestion && effects.answeredBytes > shareOfAnswers * state.options.heapBytes) {
    return refuse(step, about, askedTooMuch);
  }
  const result = handle(step, about, message);
  if (isQuestion) effects.answeredBytes += weigh(result);
  if (result === later) return;
  if (result instanceof Refusal) refuse(step, about, result.failure);
  else answer(step, about, result);
}

/** The compiler does not follow that a name, its handler and its parameters belong together. */
function handle(step: StepContext, about: Asked, message: RequestMessage) {
  const name = about.to;
  return isQuery(name)
    ? (queries[name] as Query<never>)(step, message as never)
    : (handlers[name] as Command<never>)(step, about as never, message as never);
}

function isQuery(name: RequestName): name is QueryName {
  return Object.hasOwn(queries, name);
}

/** The bytes of an answer, more or less. */
function weigh(value: unknown): number {
  if (typeof value === "string") return 32 + value.length;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 32;
  for (const each of Object.values(value)) bytes += 8 + weigh(each);
  return bytes;
}
