// What the compiler knows of tasks: their names, what they take and what they give. Every type
// here starts from the type of a module, `typeof import("./tasks.ts")`, or of a function itself.

import type { Future } from "./future.ts";
import type {
  IsRefused,
  Received,
  RefusedArguments,
  RefusedResult,
  WithFutures,
} from "./value-types.ts";

/** Any function that can be called on its own, as tasks are: without a `this`. */
export type AnyFunction = (this: void, ...args: never) => unknown;

/** The tasks of a client that was told of none: any name, any arguments, unknown results. */
export type UntypedTasks = Record<string, (...args: unknown[]) => unknown>;

/** The names among `Tasks` that can be submitted: those of its functions. A default export has none. */
export type TaskName<Tasks> = [Tasks] extends [never]
  ? never
  : // In a branch, so that messages list the names and not this type.
    {
      [Name in Exclude<keyof Tasks & string, "default">]: Tasks[Name] extends AnyFunction
        ? Name
        : never;
    }[Exclude<keyof Tasks & string, "default">];

/** How a task is meant: by its registered name, or by the function itself. */
export type TaskReference<Tasks> = TaskName<Tasks> | AnyFunction;

/** The function that a reference means. */
export type FunctionOf<Tasks, Reference> = Reference extends AnyFunction
  ? Reference
  : Reference extends keyof Tasks
    ? Extract<Tasks[Reference], AnyFunction>
    : never;

/** What `submit` takes: the parameters of the function, with futures wherever values may stand. */
export type TaskArguments<Tasks, Reference> = Taken<Tasks, Reference, "values">;

/** What `map` takes: for each parameter of the function, something that yields its values. */
export type TaskColumns<Tasks, Reference> = Taken<Tasks, Reference, "columns">;

/** What a call gives. Of an overloaded function: what any of its signatures gives. */
export type TaskResult<Tasks, Reference> = Reference extends AnyFunction
  ? Awaited<Signatures<Reference>[number]["result"]>
  : Received<Awaited<Signatures<FunctionOf<Tasks, Reference>>[number]["result"]>>;

type Given = "values" | "columns";

/**
 * Tasks by name take what can be sent only. Functions passed themselves take any value that the
 * function takes, for they may be a type parameter's: in `<A, R>(task: (a: A) => R, a: A)` nobody
 * knows yet whether an `A` can be sent.
 */
type Taken<Tasks, Reference, Kind extends Given> = Reference extends AnyFunction
  ? Signatures<Reference>[number]["taken"][Kind]
  : Signatures<FunctionOf<Tasks, Reference>>[number]["sent"][Kind];

type Signature<Parameters_ extends unknown[], Result> = {
  taken: {
    values: { [Index in keyof Parameters_]: Parameters_[Index] | WithFutures<Parameters_[Index]> };
    columns: {
      [Index in keyof Parameters_]: Iterable<Parameters_[Index] | WithFutures<Parameters_[Index]>>;
    };
  };
  sent: IsRefused<Awaited<Result>> extends true
    ? Record<Given, [RefusedResult, ...RefusedResult[]]>
    : {
        values: { [Index in keyof Parameters_]: WithFutures<Parameters_[Index]> };
        columns: { [Index in keyof Parameters_]: Iterable<WithFutures<Parameters_[Index]>> };
      };
  result: Result;
};

/** The signatures in order: of more than eight the last, of fewer with the first repeated. */
type Signatures<Function_> = Function_ extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
  (...args: infer A5): infer R5;
  (...args: infer A6): infer R6;
  (...args: infer A7): infer R7;
  (...args: infer A8): infer R8;
}
  ? [
      Signature<A1, R1>,
      Signature<A2, R2>,
      Signature<A3, R3>,
      Signature<A4, R4>,
      Signature<A5, R5>,
      Signature<A6, R6>,
      Signature<A7, R7>,
      Signature<A8, R8>,
    ]
  : never;

// ── Calls whose types depend on what is given ──────────────────────────────────────────────────
//
// `submit` and `map` have three signatures. The last is for every call: its types follow from the
// function alone, and nearly every error is its. The others take calls that fit and that the last
// knows too little of. What does not fit them is asked for more arguments than anybody gives, which
// is how a signature is passed over without a word.

type NoFit = [...Many, ...Many, ...Many, ...Many];
type Many = [never, never, never, never, never, never, never, never];
type NothingFits = { sent: Record<Given, NoFit>; result: Future };
type AnySignature = Record<"taken" | "sent", Record<Given, unknown[]>> & { result: unknown };

/**
 * Of the first signature: for overloaded functions, by the first of theirs that fits, as in a call of
 * the function itself; and for functions passed themselves whose arguments or result cannot be
 * sent. Those would fit the last signature, for which they may be a type parameter's.
 */
export type DecidedArguments<Tasks, Reference, Args extends unknown[], Kind extends Given> = [
  Args,
] extends [never]
  ? Args // It is never so: Args are inferred here.
  : Decided<Tasks, Reference, Args, Kind>["sent"][Kind];
export type DecidedResult<Tasks, Reference, Args extends unknown[], Kind extends Given> = Decided<
  Tasks,
  Reference,
  Args,
  Kind
>["result"];

type Decided<Tasks, Reference, Args extends unknown[], Kind extends Given> = [
  TaskReference<Tasks>,
] extends [Reference]
  ? NothingFits // A wrong name is inferred to be any of them.
  : IsOverloaded<FunctionOf<Tasks, Reference>> extends true
    ? FirstFit<Signatures<FunctionOf<Tasks, Reference>>, Args, Kind>
    : Reference extends AnyFunction
      ? FirstUnsendable<Signatures<Reference>, Args, Kind>
      : NothingFits;

type FirstFit<All, Args, Kind extends Given> = All extends [
  infer First extends AnySignature,
  ...infer Rest,
]
  ? Args extends First["sent"][Kind]
    ? { sent: First["sent"]; result: Future<Awaited<First["result"]>> }
    : FirstFit<Rest, Args, Kind>
  : NothingFits;

type FirstUnsendable<All, Args extends unknown[], Kind extends Given> = All extends [
  infer First extends AnySignature,
  ...unknown[],
]
  ? Args extends First["taken"][Kind]
    ? IsRefused<Awaited<First["result"]>> extends true
      ? { sent: Record<Given, Args>; result: RefusedResult }
      : Args extends First["sent"][Kind]
        ? NothingFits
        : { sent: Record<Given, Args>; result: RefusedArguments }
    : NothingFits
  : NothingFits;

type IsOverloaded<Function_> =
  Signatures<Function_> extends [infer First, ...unknown[], infer Last]
    ? IsSame<First, Last> extends true
      ? false
      : true
    : false;
type IsSame<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/**
 * Of the second signature, for functions passed themselves: any reference, whose own type is inferred
 * along with its parameters and result. The compiler makes a generic function fit its context only
 * where the context is one bare function type. That is what this conditional type counts as before
 * it is resolved; then it is `any`, so that a name is inferred as well.
 */
export type AnyReference<Parameters_ extends unknown[], Result> = [Result] extends [unknown]
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the compiler passes over `any` alone
    any
  : TaskFunction<Parameters_, Result>;
export type TaskFunction<Parameters_ extends unknown[], Result> = (...args: Parameters_) => Result;

/** Its arguments. Of a generic function, what its type parameters are comes from them. */
export type FittingArguments<
  Reference,
  Parameters_ extends unknown[],
  Args extends unknown[],
  Kind extends Given,
> = [Reference] extends [never]
  ? InferredFrom<Parameters_, Args, Kind>
  : IsFunction<Reference> extends true
    ? // Another name for them, so that nothing is inferred from this branch.
      Parameters_ extends infer Same extends unknown[]
      ? Args extends Signature<Same, unknown>["taken"][Kind]
        ? Signature<Same, unknown>["taken"][Kind]
        : NoFit
      : NoFit
    : NoFit;
/** Never what the arguments are: the compiler infers from every branch, and from this one it can. */
type InferredFrom<Parameters_ extends unknown[], Args extends unknown[], Kind extends Given> = [
  Args,
] extends [never]
  ? Args
  : Kind extends "values"
    ? { [Index in keyof Parameters_]: Parameters_[Index] | Future<Parameters_[Index]> }
    : { [Index in keyof Parameters_]: Iterable<Parameters_[Index] | Future<Parameters_[Index]>> };

/** A generic function is `any` as long as the compiler has not made it fit its context. */
type IsFunction<Reference> = 0 extends 1 & Reference
  ? true
  : [Reference] extends [AnyFunction]
    ? true
    : false;
