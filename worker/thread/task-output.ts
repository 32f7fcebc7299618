// The values that a running task puts out before its end. What its reader has not taken is bounded: values
// beyond that wait here, in order, and with them the task, if it awaits.

import { SerializationError } from "../../src/errors/errors.ts";
import { encode, payloadBytes, type Payload } from "../../src/payload/payload.ts";
import { formatSize } from "../../src/size.ts";
import { limits } from "../../src/wire/limits.ts";

type Waiting = { readonly payload: Payload; readonly sent: () => void };

export class TaskOutput {
  readonly #send: (payload: Payload) => void;
  readonly #waiting: Waiting[] = [];
  /** Bytes that were sent and not taken. */
  #untaken = 0;

  constructor(send: (payload: Payload) => void) {
    this.#send = send;
  }

  /** @returns a promise that resolves when the value has been sent */
  write(value: unknown): Promise<void> {
    const payload = encodeOutput(value);
    return new Promise((sent) => {
      this.#waiting.push({ payload, sent });
      this.#sendWhatFits();
    });
  }

  taken(bytes: number): void {
    this.#untaken = Math.max(0, this.#untaken - bytes);
    this.#sendWhatFits();
  }

  /** The task is over: what it did not wait for is sent at once. */
  end(): void {
    this.#untaken = -Infinity;
    this.#sendWhatFits();
  }

  #sendWhatFits(): void {
    while (this.#waiting.length > 0 && this.#untaken < limits.outputWindowBytes) {
      const { payload, sent } = this.#waiting.shift()!;
      this.#untaken += payloadBytes(payload);
      this.#send(payload);
      sent();
    }
  }
}

function encodeOutput(value: unknown): Payload {
  const { payload, inputs } = encode(value, "output");
  if (inputs.length > 0) {
    throw new SerializationError(
      `Put out its value, not the future: "${inputs[0]}" ends with the task that submitted it`,
    );
  }
  const bytes = payloadBytes(payload);
  if (bytes > limits.outputBytes) {
    throw new SerializationError(
      `Put it out in pieces, or return it: one value may have ${formatSize(limits.outputBytes)}, ` +
        `and this has ${formatSize(bytes)}`,
    );
  }
  return payload;
}
