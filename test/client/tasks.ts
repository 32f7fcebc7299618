// Functions of every kind that a module of tasks may export, for the tests of the types.

export const add = (x: number, y: number): number => x + y;
export const greet = (name: string, greeting?: string): string => `${greeting ?? "Hello"} ${name}`;
export const total = (...values: number[]): number => values.reduce((sum, each) => sum + each, 0);
export const later = async (value: string): Promise<string> => Promise.resolve(value);
export const isEven = (value: number): boolean => value % 2 === 0;
export const not = (value: boolean): boolean => !value;
export const either = (value: string | number): string => String(value);
export const identity = <T>(value: T): T => value;
export const longest = (words: readonly string[]): string =>
  words.toSorted((a, b) => b.length - a.length)[0] ?? "";
export const area = (shape: { width: number; height: number; name?: string }): number =>
  shape.width * shape.height;
export const counts = (words: Map<string, number>, stop: Set<string>): Map<string, number> =>
  new Map([...words].filter(([word]) => !stop.has(word)));
export const tick = (): Date => new Date(0);
export type Tree = { value: number; children: Tree[] };
export const depth = (tree: Tree): number => 1 + Math.max(0, ...tree.children.map(depth));
export function parse(text: string): number;
export function parse(text: string, radix: number): bigint;
export function parse(text: string, radix?: number): number | bigint {
  return radix === undefined ? Number(text) : BigInt(text);
}
/** Not a function, so not a task. */
export const limit = 10;
