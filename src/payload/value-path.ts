// A place inside a user value, written as the expression that reaches it, such as `argument[0].user`.
// The text is built on demand, because every value is walked and few are refused.

/** An index, the name of a property, or the whole expression for entries of Maps and Sets. */
export type Step = number | string | { readonly words: string };

export class ValuePath {
  readonly #root: string;
  readonly #steps: Step[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  push(step: Step): void {
    this.#steps.push(step);
  }

  pop(): void {
    this.#steps.pop();
  }

  /** A very long path is cut in the middle. */
  toString(): string {
    const text = this.#root + this.#steps.map(wordsOf).join("");
    return text.length <= 240 ? text : `${text.slice(0, 120)} … ${text.slice(-100)}`;
  }
}

/** The step to a value in a Map: by its key when that is a number or a string, else by its place. */
export function entryStep(key: unknown, index: number): Step {
  if (typeof key === "number") return { words: `.get(${key})` };
  return { words: typeof key === "string" ? `.get(${quoted(key)})` : `.values()[${index}]` };
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function wordsOf(step: Step): string {
  if (typeof step === "number") return `[${step}]`;
  if (typeof step === "object") return step.words;
  return identifier.test(step) ? `.${step}` : `[${quoted(step)}]`;
}

function quoted(key: string): string {
  return JSON.stringify(key.length <= 80 ? key : `${key.slice(0, 80)}…`);
}
