// Text with raw binary parts. This file imports nothing, so that the scheduler's core may use it.

export class BinaryPayload {
  readonly head: string;
  readonly parts: readonly Uint8Array[];
  readonly byteLength: number;

  constructor(head: string, parts: readonly Uint8Array[]) {
    this.head = head;
    this.parts = parts;
    this.byteLength = parts.reduce((bytes, part) => bytes + part.byteLength, head.length);
  }
}
