// How a frame is spoiled: a field gone or of another kind, a number beyond all bounds, keys that every
// object inherits, columns of other lengths, text cut short, bytes flipped, parts that are not there.

import type { Random } from "../processes/random.ts";

/** A frame as JSON, with the bytes of its parts beside it. */
export type Draft = { array: unknown[]; parts: Uint8Array[] };

/** As the protocol wants it. */
export function encoded({ array, parts }: Draft): string | Uint8Array {
  if (parts.length === 0) return JSON.stringify(array);
  const [ack, ...messages] = array;
  return binary(JSON.stringify([ack, parts.map((part) => part.length), ...messages]), parts);
}

/** Once, or a few times over, in one way or another. */
export function spoiled(draft: Draft, random: Random): string | Uint8Array {
  if (random.chance(0.75)) {
    const copy = { array: structuredClone(draft.array), parts: [...draft.parts] };
    for (let times = random.chance(0.7) ? 1 : 3; times > 0; times -= 1) spoilTree(copy, random);
    return encoded(copy);
  }
  const whole = encoded(draft);
  if (typeof whole !== "string") return spoilBytes(whole, random);
  switch (random.below(5)) {
    case 0:
      return whole.slice(0, random.below(whole.length));
    case 1:
      return spliced(whole, random, random.pick(["[", "}", ",", '"', "null", "1e999", "\u0000"]));
    case 2:
      return random.pick(junk);
    case 3:
      return spoilBytes(Buffer.from(whole), random);
    default:
      // Counts parts that are not there, or hides the first message among their lengths.
      return binary(
        whole,
        random.several(0, 2, () => new Uint8Array(random.below(20))),
      );
  }
}

const junk = ["", "[", "{}", "null", "0", "[]", "[-1]", "[1e300]", '["0"]', "[0,[]]"];

const oddValues: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 0,
  () => 0.5,
  () => 2 ** 53 - 1,
  () => 2 ** 53,
  () => 1e308,
  () => "",
  () => "x",
  () => "__proto__",
  () => "constructor",
  () => "line\nend",
  () => "\ud800",
  () => [],
  () => ({}),
  () => [[]],
  () => JSON.parse('{"__proto__":{"polluted":true}}') as unknown,
  () => ({ head: "", first: 0, count: 1 }),
  () => ({ head: "", first: 2 ** 53 - 1, count: 2 ** 53 - 1 }),
];
/** These cost much, and are as wrong each time. */
const hugeValues: readonly (() => unknown)[] = [
  () => "long".repeat(17_000),
  () => Array.from({ length: 10_001 }, () => "k0"),
  () => nested(500),
  () => "[".repeat(20_000),
];
const oddNames = [
  "__proto__",
  "constructor",
  "toString",
  "toJSON",
  "then",
  "type",
  "keys",
  "extra",
];

function oddValue(random: Random): unknown {
  return random.pick(random.chance(0.01) ? hugeValues : oddValues)();
}

type Place = { holder: Record<string, unknown> | unknown[]; name: string };

function spoilTree(draft: Draft, random: Random): void {
  const places = placesIn(draft.array, []);
  if (places.length === 0) return;
  const { holder, name } = random.pick(places);
  const value: unknown = (holder as Record<string, unknown>)[name];
  switch (random.below(7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(name), 1);
      else delete holder[name];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(structuredClone(value));
      else set(holder, random.pick(oddNames), value);
      break;
    case 2:
      set(holder, random.pick(oddNames), oddValue(random));
      break;
    case 3: {
      const other = random.pick(places);
      set(holder, name, structuredClone((other.holder as Record<string, unknown>)[other.name]));
      break;
    }
    case 4:
      if (typeof value === "number") set(holder, name, value + random.pick([-1, 1, 1e9, 0.5]));
      else if (typeof value === "string") set(holder, name, `${value}!`);
      else set(holder, name, [value]);
      break;
    default:
      set(holder, name, oddValue(random));
  }
}

/** Every place in a tree, without going deep. */
function placesIn(tree: unknown, places: Place[]): Place[] {
  if (typeof tree !== "object" || tree === null || places.length > 500) return places;
  for (const name of Object.keys(tree)) {
    places.push({ holder: tree as Place["holder"], name });
    const value: unknown = (tree as Record<string, unknown>)[name];
    if (places.length < 500) placesIn(value, places);
  }
  return places;
}

/** Also where the name means something special. */
function set(holder: object, name: string, value: unknown): void {
  const settings = { value, enumerable: true, configurable: true, writable: true };
  if (Array.isArray(holder) && !/^\d+$/.test(name)) holder.push(value);
  else Object.defineProperty(holder, name, settings);
}

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

function spliced(text: string, random: Random, insert: string): string {
  const at = random.below(text.length);
  return text.slice(0, at) + insert + text.slice(at + random.below(3));
}

function spoilBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    copy[random.below(copy.length)] = random.below(256);
  }
  return random.chance(0.3) ? copy.subarray(0, random.below(copy.length)) : copy;
}

function binary(text: string, parts: readonly Uint8Array[]): Uint8Array {
  const padded = (bytes: number) => (bytes + 7) & ~7;
  const textBytes = Buffer.byteLength(text);
  const partBytes = parts.reduce((sum, part) => sum + padded(part.length), 0);
  const frame = Buffer.alloc(padded(4 + textBytes) + partBytes);
  frame.writeUInt32LE(textBytes, 0);
  frame.write(text, 4);
  let offset = padded(4 + textBytes);
  for (const part of parts) {
    frame.set(part, offset);
    offset += padded(part.length);
  }
  return frame;
}
