// Text as bytes, and back. A text of JSON has no lone surrogates, which UTF-8 cannot carry: it escapes them.

/** Made before the user's code is loaded, which may replace the classes and their methods. */
const encoder = new TextEncoder();
const encodeText = encoder.encode.bind(encoder);
const { TextDecoder } = globalThis;
const newDecoder = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const decoder = newDecoder();
const decodeBytes = decoder.decode.bind(decoder);

/** A longer text is decoded in pieces: V8 makes no string of more bytes than a string may have characters. */
const pieceBytes = 256 * 1024 * 1024;

export function toUtf8(text: string): Uint8Array {
  return encodeText(text);
}

/** How many bytes `toUtf8` would make. */
export function utf8Length(text: string): number {
  return encodeText(text).byteLength;
}

/** @throws {TypeError} when the bytes are no text */
export function fromUtf8(bytes: Uint8Array): string {
  if (bytes.byteLength <= pieceBytes) return decodeBytes(bytes);
  const pieces = newDecoder();
  let text = "";
  for (let from = 0; from < bytes.byteLength; from += pieceBytes) {
    text += pieces.decode(bytes.subarray(from, from + pieceBytes), { stream: true });
  }
  return text + pieces.decode();
}
