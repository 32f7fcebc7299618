// A module of tasks of every kind that users write, for the other files of this folder.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Expression = number | [operator: string, ...Expression[]];
export type Link = [value: number, next: Link | null];
export type Folder = { name: string; parent?: Folder; children: readonly Folder[] };
export type UserId = string & { readonly brand: unique symbol };
export type Mail = { name: string; message: string; attempts: number };
export declare enum Color {
  Red,
  Blue,
}
export declare enum Mood {
  Glad = "glad",
}
type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
/** A thousand. */
export type Column = `c${Digit}${Digit}${Digit}`;
export class Point {
  x = 1;
  y = 2;
  norm(): number {
    return Math.hypot(this.x, this.y);
  }
}
export class Account {
  readonly #secret = 1;
  owner = "Ada";
  static secretOf(account: Account): number {
    return account.#secret;
  }
}

export declare function add(x: number, y: number): number;
export declare function later(text: string): Promise<string>;
export declare function tick(): Date;
export declare function nothing(): void;
export declare function anything(value: unknown): unknown;
export declare function loose(value: any): any;
export declare function greet(name: string, greeting?: string): string;
export declare function total(...values: number[]): number;
export declare function tagged(tag: string, ...values: readonly (number | string)[]): number;
export declare function area(shape: { width: number; height: number; name?: string }): number;
export declare function either(value: string | number | null): boolean;
export declare function decide(value: boolean): boolean;
export declare function userOf(id: UserId): { id: UserId; roles: readonly ("admin" | "guest")[] };
export declare function count(words: Map<string, number>, stop: Set<string>): Map<string, bigint>;
export declare function sumOf(values: Iterable<number>): number;
export declare function pixels(image: Uint8Array, table: Float64Array): ArrayBuffer;
export declare function copyOf(bytes: Buffer): Buffer;
export declare function describe(error: Error, at: Date, where: URL, what: RegExp): string;
export declare function send(mail: Mail): void;
export declare function shape(value: object, any: {}): void;
export declare function table(cells: Record<string, number[]>): Record<string, number>;
export declare function isText(value: unknown): value is string;

export declare function rank(levels: Map<string, "high" | "low">, tags: Set<"a" | "b">): void;
export declare function paint(shape: { kind: "circle"; r: number } | { kind: "dot" }): Color;
export declare function mix(color: Color, mood: Mood, big: bigint): Mood;
export declare function spread(
  ...many: [number, number, number, number, number, number, number, number, number, number, string]
): number;
export declare function wide(row: Record<Column, number>): Record<Column, string>;

export declare function json(value: Json): Json;
export declare function evaluate(expression: Expression): number;
export declare function lengthOf(list: Link): number;
export declare function walk(folder: Folder): Folder;

export declare function parse(text: string): number;
export declare function parse(text: string, radix: number): bigint;
export declare function setting(name: "depth"): number;
export declare function setting(name: "title"): string;
export declare function setting(name: string): unknown;

export declare function first<T>(items: T[]): T;
export declare function pair<A, B>(a: A, b: B): [A, B];
export declare function longest<T extends { length: number }>(a: T, b: T): T;

export declare function apply(change: (x: number) => number, x: number): number;
export declare function configure(options: { size: number; onDone?: () => void }): void;
export declare function settle(value: Promise<number>): number;
export declare function label(symbol: symbol): string;
export declare function normOf(point: Point): number;
export declare function ownerOf(account: Account): string;
export declare function read(stream: AsyncIterable<number>): number;
export declare function adder(x: number): (y: number) => number;
export declare function makePoint(): Point;
export declare function openAccount(): Promise<Account>;
export declare function makePoints(count: number): Promise<Point[]>;
export declare function countDown(from: number): AsyncGenerator<number>;
export declare function unbound(this: Date, x: number): number;
export declare function maybeFunction(x: number): number | (() => number);

/** Not a function, so not a task. */
export const limit = 10;
