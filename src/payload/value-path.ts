// Where inside a user value something is, written as the expression that would reach it. Steps are
// put into words only when somebody asks: every value is walked, few are refused.

/** An index, the name of a property, or words of their own for Maps and Sets. */
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

  /** Very deep paths keep their beginning and end. */
  toString(): string {
    const text = this.#root + this.#steps.map(wordsOf).join("");
    return text.length <= 240 ? text : `${text.slice(0, 120)} … ${text.slice(-100)}`;
  }
}

/** The step to a value in a Map, by its key where that can be written down. */
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
