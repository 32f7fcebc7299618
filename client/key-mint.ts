// Makes the keys of a client's tasks: unique for ever, in few characters, and without telling who the
// client is. Each ends in a number that counts up, which `KeyTable` likes, here and in the scheduler.

import { customAlphabet } from "nanoid";

/** How much of a function's name goes into the keys of its tasks. */
const nameInKey = 64;
/** Two digits in base 36. */
const lowNumbers = Array.from({ length: 36 ** 2 }, (_, low) => low.toString(36).padStart(2, "0"));

/** Of letters and digits alone. */
export const mintId = customAlphabet(
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);

export class KeyMint {
  readonly #part = mintId(10);
  #minted = 0;
  /** What the newest key was of, and all of it but its last digits, which stays the same for long. */
  #name = "";
  #head = "";

  mint(name: string): string {
    const number = this.#minted++;
    const low = number % lowNumbers.length;
    if (low === 0 || name !== this.#name) {
      const high = Math.floor(number / lowNumbers.length);
      this.#name = name;
      this.#head = `${name.slice(0, nameInKey)}-${this.#part}-${high === 0 ? "" : high.toString(36)}`;
    }
    return this.#head + (number < lowNumbers.length ? number.toString(36) : lowNumbers[low]!);
  }
}
