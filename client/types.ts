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

type Given = "values" | "columns";

/**
 * What `submit` takes beside the name of a task: its parameters, with futures wherever values may
 * stand. Those of overloaded functions are none that anybody could give: see below.
 */
export type TaskArguments<Tasks, Name> = NamedArguments<Tasks, Name, "values">;

/** What `map` takes beside a name: for each parameter, something that yields its values. */
export type TaskColumns<Tasks, Name> = NamedArguments<Tasks, Name, "columns">;

/** What a call by name gives. */
export type TaskResult<Tasks, Name> = Received<
  Awaited<Signatures<FunctionOf<Tasks, Name>>[number]["result"]>
>;

/** What `run` takes and gives, by name or function; of overloaded functions, any signature's. */
export type ReferenceArguments<Tasks, Reference> = Reference extends AnyFunction
  ? Signatures<Reference>[number]["taken"]["values"]
  : Signatures<FunctionOf<Tasks, Reference>>[number]["sent"]["values"];
export type ReferenceResult<Tasks, Reference> = Awaited<
  Signatures<FunctionOf<Tasks, Reference>>[number]["result"]
>;

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

// ── Names, and calls whose types depend on what is given ───────────────────────────────────────
//
// `submit` and `map` have three signatures: the first is for names, the second for what depends on
// the arguments, the last for functions passed themselves. Names come first, because the compiler
// infers `new Set()` and the like from the parameter in the first signature only. A call that a
// signature is not for is asked for more arguments than anybody gives: that is how it is passed
// over without a word, so that errors are those of one signature.

type NoFit = [...Many, ...Many];
type Many = [never, never, never, never, never, never];
type NothingFits = { sent: Record<Given, NoFit>; result: Future };
type AnySignature = Record<"taken" | "sent", Record<Given, unknown[]>> & { result: unknown };

/** Of the first signature, for names. */
type NamedArguments<Tasks, Reference, Kind extends Given> = Reference extends AnyFunction
  ? NoFit
  : IsOverloaded<FunctionOf<Tasks, Reference>> extends true
    ? NoFit
    : Signatures<FunctionOf<Tasks, Reference>>[number]["sent"][Kind];

/**
 * Of the second signature: for overloaded functions, by the first of theirs that fits, as in a call of
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
 * Of the last signature, for functions passed themselves: any reference, whose own type is inferred
 * along with its parameters and result. The compiler makes a generic function fit its context only
 * where the context is one bare function type. That is what this conditional type counts as before
 * it is resolved; then it is `any`, so that a name is inferred as well.
 */
export type AnyReference<Parameters_ extends unknown[], Result> = [Result] extends [unknown]
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the compiler passes over `any` alone
    any
  : TaskFunction<Parameters_, Result>;
export type TaskFunction<Parameters_ extends unknown[], Result> = (...args: Parameters_) => Result;

/**
 * Its arguments: any value that the function takes, for it may be a type parameter's. In
 * `<A, R>(task: (a: A) => R, a: A)` nobody knows yet whether an `A` can be sent.
 */
export type FunctionArguments<
  Tasks,
  Reference,
  Parameters_ extends unknown[],
  Args extends unknown[],
  Kind extends Given,
> = [Reference] extends [never]
  ? InferredFrom<Parameters_, Args, Kind>
  : // Looked up, and not one more branch: nothing is inferred from what is looked up.
    {
      one: Signature<Parameters_, unknown>["taken"][Kind];
      overloaded: Signatures<Reference>[number]["taken"][Kind];
      name: WordsFor<FunctionOf<Tasks, Reference>, Args, Kind>;
    }[KindOf<Reference>];

/** A generic function is `any` as long as the compiler has not made it fit its context. */
type KindOf<Reference> = 0 extends 1 & Reference
  ? "one"
  : [Reference] extends [AnyFunction]
    ? IsOverloaded<Reference> extends true
      ? "overloaded"
      : "one"
    : "name";

/**
 * The last signature has the words for a wrong number of arguments. Of names, the first one has the
 * words for arguments of wrong types, but for overloaded functions'.
 */
type WordsFor<Function_, Args extends unknown[], Kind extends Given> = [Function_] extends [never]
  ? NoFit
  : IsOverloaded<Function_> extends true
    ? Signatures<Function_>[number]["sent"][Kind]
    : Args extends Loosely<Signatures<Function_>[number]["sent"][Kind]>
      ? NoFit
      : Signatures<Function_>[number]["sent"][Kind];
type Loosely<List extends unknown[]> = { [Index in keyof List]: unknown };

/** Never what the arguments are: the compiler infers from every branch, and from this one it can. */
type InferredFrom<Parameters_ extends unknown[], Args extends unknown[], Kind extends Given> = [
  Args,
] extends [never]
  ? Args
  : Kind extends "values"
    ? { [Index in keyof Parameters_]: Parameters_[Index] | Future<Parameters_[Index]> }
    : { [Index in keyof Parameters_]: Iterable<Parameters_[Index] | Future<Parameters_[Index]>> };
