// What a client has asked its scheduler and waits to hear, by number.

import { errorOf } from "../src/errors/failure.ts";
import type { ToClient } from "../src/wire/protocol.ts";

export type Answer = Extract<ToClient, { type: "answer" }>;
/** What `answered` throws, it is refused with. */
export type Question = { answered(answer: Answer): void; refused(error: Error): void };

export class Questions {
  readonly #open = new Map<number, Question>();
  #asked = 0;

  get size(): number {
    return this.#open.size;
  }

  /** Sends what is answered under the number given; nothing is open when it cannot be sent. */
  ask(send: (id: number) => void, question: Question): void {
    const id = this.#asked++;
    send(id);
    this.#open.set(id, question);
  }

  answered(answer: Answer): void {
    const question = this.#take(answer.id);
    if (answer.failure) return question?.refused(errorOf(answer.failure));
    try {
      question?.answered(answer);
    } catch (error) {
      question?.refused(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** False when there is no such question. */
  refuse(id: number, error: Error): boolean {
    const question = this.#take(id);
    question?.refused(error);
    return question !== undefined;
  }

  refuseAll(error: Error): void {
    for (const question of this.#open.values()) question.refused(error);
    this.#open.clear();
  }

  #take(id: number): Question | undefined {
    const question = this.#open.get(id);
    this.#open.delete(id);
    return question;
  }
}
