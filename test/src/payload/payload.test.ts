// User values are decoded exactly as they were encoded, or refused with their path.

import fc from "fast-check";
import { SuperJSON } from "superjson";
import { describe, expect, test } from "vitest";
import { SerializationError } from "../../../src/errors/errors.ts";
import { futureKey } from "../../../src/payload/future-key.ts";
import { samePayload } from "../../../src/payload/same-payload.ts";
import { limits } from "../../../src/wire/limits.ts";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import {
  decode,
  encode,
  encodeList,
  payloadBytes,
  type Payload,
} from "../../../src/payload/payload.ts";
import { binaries, difference, plainValues, values } from "./payload-values.ts";

const future = (key: string) => ({ [futureKey]: key, result: () => 1 });
const roundTrip = (value: unknown) => decode(encode(value).payload);
/** The payload after the wire, where its parts are at multiples of `step` in a larger frame. */
const moved = (payload: Payload, step: number) =>
  typeof payload === "string"
    ? payload
    : new BinaryPayload(
        payload.head,
        payload.parts.map((part) => {
          const frame = new Uint8Array(part.byteLength + step);
          frame.set(part, step);
          return frame.subarray(step);
        }),
      );

describe("every value that can be sent", () => {
  test("arrives as it was, mixed and nested, shared and in circles", () => {
    fc.assert(
      fc.property(values, fc.constantFrom(0, 1, 8), (value, step) => {
        const { payload, inputs } = encode(value);
        expect(inputs).toEqual([]);
        expect(difference(value, decode(moved(payload, step)))).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  test("arrives as it was beside futures, which become the values of their tasks", () => {
    fc.assert(
      fc.property(values, values, (value, result) => {
        const { payload, inputs } = encode([
          future("a"),
          value,
          { deep: [future("a"), future("b")] },
        ]);
        expect(inputs).toEqual(["a", "b"]);
        const decoded = decode(payload, [result, 7]);
        expect(difference([result, value, { deep: [result, 7] }], decoded)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test("is the text of JSON.stringify when it is plain", () => {
    fc.assert(
      fc.property(plainValues, (value) => {
        const { payload, inputs } = encode(value);
        expect(payload).toBe(JSON.stringify(value));
        expect(inputs).toEqual([]);
        expect(difference(value, decode(payload))).toBeUndefined();
      }),
    );
    expect(encode([1, 10]).payload).toBe("[1,10]");
    expect(encode({ constructor: 2, prototype: 3 }).payload).toBe(
      '{"constructor":2,"prototype":3}',
    );
  });

  test("has no key that JSON must escape, since V8 reads such a key as one that it met before", () => {
    // Without the encoder: `{"length":1,"\\t":2}` is read with a backslash for its second key.
    JSON.parse('{"length":1,"\\\\":2}');
    for (const key of ["\t", '"', "\\", "\n", "\u0001", "\ud800", '\\"', 'a"', "a.b", "a\\.b"]) {
      for (const value of [
        { length: 1, [key]: 2 },
        { length: 1n, [key]: [{ [key]: undefined }] },
      ]) {
        const { payload } = encode(value);
        expect(payload).not.toMatch(/\\.[^"]*":/);
        expect(difference(value, decode(payload))).toBeUndefined();
      }
    }
    const parsed = fc.array(fc.string({ unit: fc.constantFrom("\\", '"', "\t", "a", "\ud800") }));
    fc.assert(
      fc.property(parsed, (keys) => {
        const objects = keys.map((key) => ({ length: 1, [key]: { [key]: 1 } }));
        for (const object of objects) JSON.parse(JSON.stringify(object));
        for (const object of objects) {
          expect(difference(object, roundTrip(object))).toBeUndefined();
        }
      }),
    );
  });

  test("is a snapshot: writing to a buffer after encoding changes nothing", () => {
    const scratch = new Uint8Array([1, 2, 3]);
    const { payload } = encode([scratch]);
    scratch.fill(9);
    expect(decode(payload)).toEqual([new Uint8Array([1, 2, 3])]);
  });

  test("carries what a view shows and not the memory behind it", () => {
    const { payload } = encode(new Uint8Array(new ArrayBuffer(1_000_000), 500, 3));
    expect(payloadBytes(payload)).toBeLessThan(100);
  });

  test("stands on the payload's memory where alignment allows, on a copy elsewhere", () => {
    const payload = encode(new Float64Array([1.5, -0])).payload as BinaryPayload;
    const aligned = decode(payload) as Float64Array;
    expect(aligned.buffer).toBe(payload.parts[0]?.buffer);
    const shifted = moved(payload, 1) as BinaryPayload;
    const copied = decode(shifted) as Float64Array;
    expect(copied.buffer).not.toBe(shifted.parts[0]?.buffer);
    expect([...copied]).toEqual([1.5, -0]);
  });

  test("keeps the bits of a NaN", () => {
    const bits = new BigUint64Array([0x7ff8_dead_beef_0001n]);
    const decoded = roundTrip(new Float64Array(bits.buffer)) as Float64Array;
    expect(new BigUint64Array(decoded.buffer, decoded.byteOffset, 1)[0]).toBe(bits[0]);
  });

  test("keeps Maps and Sets whose members are met elsewhere, which superjson alone does not", () => {
    const [a, b] = [[1], [2]];
    const value = [
      b,
      a,
      new Set([a, b]),
      new Map<unknown, unknown>([
        [NaN, 0],
        [a, 1],
      ]),
      NaN,
    ];
    expect(difference(value, roundTrip(value))).toBeUndefined();
    const alone = new SuperJSON();
    expect(difference(value, alone.parse(alone.stringify(value)))).toBeDefined();
  });

  test("writes an object that is shared many times over only once", () => {
    let value: unknown = [1];
    for (let level = 0; level < 60; level++) value = [value, value];
    const { payload } = encode(value);
    expect(payloadBytes(payload)).toBeLessThan(10_000);
    expect(difference(value, decode(payload))).toBeUndefined();
  });

  test("may be nested to the limit and no deeper, in every way of nesting", () => {
    const ways: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => new Map([[inner, 1]]),
      (inner) => new Set([inner]),
      (inner) => ["$Map", inner],
      (inner) => ({ constructor: inner }),
    ];
    for (const way of ways) {
      for (const core of [1, NaN]) {
        let value: unknown = core;
        for (let level = 0; level < limits.payloadDepth; level++) value = way(value);
        expect(difference(value, roundTrip(value))).toBeUndefined();
        expect(() => encode(way(value))).toThrow(/^Flatten it.* is nested too deep/);
      }
    }
  });

  test("holds a hundred thousand futures in one array", () => {
    const keys = Array.from({ length: 100_000 }, (_, index) => `k${index}`);
    const { payload, inputs } = encode([keys.map(future)]);
    expect(inputs).toEqual(keys);
    expect(decode(payload, keys)).toEqual([keys]);
  });

  test("may be or hold errors, with their names, stacks, causes and properties", () => {
    const error = Object.assign(new TypeError("bad", { cause: new RangeError("why") }), {
      code: "E_BAD",
      act: () => 1,
    });
    const [decoded, again] = roundTrip([error, error]) as [typeof error, unknown];
    expect(decoded).toBeInstanceOf(TypeError);
    expect(again).toBe(decoded);
    expect(decoded).toMatchObject({ message: "bad", code: "E_BAD", stack: error.stack });
    expect(decoded.cause).toBeInstanceOf(RangeError);
    expect(decoded).not.toHaveProperty("act");
  });

  test("is read once by getters and may come without a prototype", () => {
    const decoded = roundTrip({
      get now() {
        return 5;
      },
      at: new Date(0),
    });
    expect(Object.getOwnPropertyDescriptor(decoded, "now")?.value).toBe(5);
    const groups = /(?<year>\d+)/.exec("2026")?.groups;
    expect(difference(groups, roundTrip(groups))).toBeUndefined();
  });
});

describe("a long text", () => {
  const lone = "\ud83d and \udca9";
  const long = (beside: unknown) => [beside, lone, "日本語é".repeat(20_000), { a: ["x"] }];
  const cases: [format: string, value: unknown][] = [
    ["plain JSON", long(1)],
    ["a tree", long(new Map([["k", lone]]))],
    ["a tree with bytes", long(new Float64Array([1.5, 2]))],
    ["a tree of superjson", long([undefined, new Date(5), 3n, lone])],
    ["a tree of superjson with bytes", long([undefined, new Uint8Array([1, 2, 3])])],
    ["a string", lone + "\ufeff".repeat(70_000)],
  ];

  test.each(cases)("is carried as bytes and arrives as it was: %s", (_format, value) => {
    for (const allocate of [undefined, (bytes: number) => new SharedArrayBuffer(bytes)]) {
      const { payload } = encode(value, "value", allocate && { allocate });
      expect(payload).toBeInstanceOf(BinaryPayload);
      expect((payload as BinaryPayload).head).toBe("=");
      for (const step of [0, 1, 8]) {
        expect(difference(value, decode(moved(payload, step)))).toBeUndefined();
      }
      expect(samePayload(payload, moved(encode(value).payload, 1))).toBe(true);
    }
  });

  test("keeps its futures", () => {
    const { payload, inputs } = encode(long(future("a")));
    expect(inputs).toEqual(["a"]);
    expect(difference(long(7), decode(payload, [7]))).toBeUndefined();
  });

  test("of primitives is carried as bytes too", () => {
    const values = Array.from({ length: 20_000 }, (_, index) => index);
    const { payload } = encodeList(values, "argument");
    expect(payload).toBeInstanceOf(BinaryPayload);
    expect(decode(payload)).toEqual(values);
  });

  test("is as large as its bytes", () => {
    const value = "é".repeat(100_000);
    expect(payloadBytes(encode(value).payload)).toBe(200_003);
    expect(() => encode([value], "result", { mostBytes: 200_000 })).toThrow(
      "result[0] is larger than",
    );
    expect(encode(value, "result", { mostBytes: 200_003 }).inputs).toEqual([]);
  });
});

describe("what cannot be sent unaltered is refused, and its place named:", () => {
  class User {
    name = "Ada";
  }
  class Numbers extends Array<number> {}
  class When extends Date {}
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });
  const hidden = Object.defineProperty({}, "id", { value: 1, enumerable: false });
  const sparse: unknown[] = [1];
  sparse[2] = 3;
  const cases: [what: string, value: unknown, message: string][] = [
    [
      "a function",
      [{ user: { callback() {} } }],
      "Pass data, not code: argument[0].user.callback is a function (callback)",
    ],
    ["a symbol", [Symbol("s")], "Pass a string instead: argument[0] is a symbol (Symbol(s))"],
    [
      "a symbol key",
      { [Symbol("s")]: 1 },
      "argument is an object with a symbol for a key (Symbol(s))",
    ],
    ["a promise", { a: Promise.resolve() }, "Await it first: argument.a is a promise"],
    ["a WeakMap", [new WeakMap()], "argument[0] is a WeakMap"],
    ["a WeakRef", [new WeakRef({})], "argument[0] is a WeakRef"],
    ["a class instance", [new User()], "argument[0] is an instance of User"],
    ["an array of a class", [Numbers.of(1)], "argument[0] is an instance of a class of arrays"],
    ["a date of a class", [new When()], "argument[0] is an instance of When"],
    ["an object of an object", [Object.create({ a: 1 })], "argument[0] is an instance of"],
    ["a boxed number", { n: Object(1) as unknown }, "argument.n is a Number object"],
    ["a boxed string", { s: Object("s") as unknown }, "argument.s is a String object"],
    [
      "an own __proto__",
      [JSON.parse('{"__proto__":1}')],
      'argument[0] has an own property "__proto__"',
    ],
    ["a sparse array", sparse, "argument is an array with nothing at [1]"],
    [
      "a match of a RegExp",
      /a/.exec("a"),
      'argument is an array with a property of its own ("index")',
    ],
    [
      "properties on a Map",
      Object.assign(new Map(), { a: 1 }),
      'argument is a Map with a property of its own ("a")',
    ],
    ["a hidden property", [hidden], 'argument[0] is an object with a hidden property ("id")'],
    ["a detached buffer", [detached], "argument[0] is memory that was transferred away"],
    [
      "a resizable buffer",
      [new ArrayBuffer(1, { maxByteLength: 2 })],
      "is a resizable ArrayBuffer",
    ],
    [
      "a getter that throws",
      {
        get a(): number {
          throw new Error("no");
        },
      },
      "argument.a cannot be read: no",
    ],
    [
      "a proxy that throws",
      [
        new Proxy(
          {},
          {
            ownKeys() {
              throw new Error("trap");
            },
          },
        ),
      ],
      "argument[0] cannot be read: trap",
    ],
    ["a revoked proxy", [revoked()], "argument[0] cannot be read"],
    ["a value of a Map", new Map([["a b", () => 1]]), 'argument.get("a b") is a function'],
    ["a key of a Map", new Map([[() => 1, 1]]), "argument.keys()[0] is a function"],
    ["a member of a Set", new Set([1, Symbol.iterator]), "argument.values()[1] is a symbol"],
    ["a key that needs quotes", { "a-b": () => 1 }, 'argument["a-b"] is a function'],
    ["an iterator", [[1].values()], "argument[0] is an instance of"],
    ["a blob", [new Blob([])], "argument[0] is an instance of Blob"],
  ];
  test.each(cases)("%s", (_what, value, message) => {
    const attempt = () => encode(value, "argument");
    expect(attempt).toThrow(SerializationError);
    expect(attempt).toThrow(message);
  });

  test("anywhere inside other values, and nothing is sent in their place", () => {
    fc.assert(
      fc.property(values, values, (before, after) => {
        expect(() => encode([before, { at: [() => 1] }, after])).toThrow(
          "value[1].at[0] is a func",
        );
      }),
      { numRuns: 100 },
    );
  });

  test("the error has the path for programs", () => {
    try {
      encode([{ a: () => 1 }], "result");
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: "not-serializable",
        path: "result[0].a",
        retriable: false,
      });
    }
  });
});

describe("a hostile payload", () => {
  const refused = (text: string, parts: Uint8Array[] = []) => {
    const payload = parts.length === 0 ? text : new BinaryPayload(text, parts);
    expect(() => decode(payload, [1])).toThrow(SerializationError);
  };

  test.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["an unknown tag", "!1"],
    ["a __proto__ key", '{"a":{"__proto__":{"x":1}}}'],
    ["an escaped __proto__ key", '{"\\u005f_pro\\u0074o__" :{"x":1}}'],
    ["a __proto__ key in a tree", '~[{"__proto__":{"x":1}}]'],
    ["a __proto__ key in a pair", '~["$Object","__proto__",{"x":1}]'],
    ["a key that is no string", '~["$Null",1,2]'],
    ["an odd Map", '~["$Map",1]'],
    ["an input past the end", '~["$",1]'],
    ["a negative input", '~["$",-1]'],
    ["a broken input", '~["$",0.5]'],
    ["an input by name", '~["$","length"]'],
    ["a part that is not there", '~["$Buffer",0]'],
    ["an unknown mark", '~["$constructor",0]'],
    ["a malformed error", '~["$Error",[]]'],
    ["a malformed RegExp", '~["$RegExp","(","g",0]'],
    ["a path to __proto__", '^{"json":{},"meta":{"values":{"__proto__.x":["undefined"]},"v":1}}'],
    [
      "a path to a constructor",
      '^{"json":{},"meta":{"values":{"constructor.prototype.x":["number"]},"v":1}}',
    ],
    [
      "a reference to __proto__",
      '^{"json":{"a":{"x":1}},"meta":{"referentialEqualities":{"a":["__proto__"]},"v":1}}',
    ],
    ["a class", '^{"json":{},"meta":{"values":[["class","Object"]],"v":1}}'],
    ["a custom value", '^{"json":{},"meta":{"values":[["custom","constructor"]],"v":1}}'],
    [
      "a Set of billions",
      '^{"json":[[]],"meta":{"values":{"0":["set",{"4294967294":["undefined"]}]},"v":1}}',
    ],
    ["an array of billions", '^{"json":[],"meta":{"values":{"4294967294":["undefined"]},"v":1}}'],
    ["no object for superjson", "^null"],
    ["annotations that are text", '^{"json":1,"meta":{"values":"undefined"}}'],
    ["a wrong bigint", '^{"json":"x","meta":{"values":["bigint"],"v":1}}'],
  ])("%s is refused", (_what, text) => refused(text));

  test("bytes that do not make whole elements are refused", () => {
    refused('~["$Float64Array",0]', [new Uint8Array(7)]);
    refused('~["$Buffer",1]', [new Uint8Array(7)]);
  });

  test("a text in a part that is not there, is no text, or has its text in a part again is refused", () => {
    expect(() => decode(new BinaryPayload("=", []))).toThrow(SerializationError);
    refused("=");
    refused("=", [new Uint8Array([0x22, 0xff, 0x22])]);
    refused("=", [new TextEncoder().encode("1"), new TextEncoder().encode("=")]);
    refused("=", [new TextEncoder().encode('{"__proto__":1}')]);
  });

  test("nested a million deep is refused or read, and never overflows", () => {
    const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    refused(`~${deep}`);
    refused(`^{"json":${deep},"meta":{"values":["undefined",${deep}],"v":1}}`);
  });

  test("strings that speak of __proto__ are only strings", () => {
    for (const value of ["__proto__", '"__proto__":', ["__proto__"], "\u0001__proto__\u0001"]) {
      expect(roundTrip(value)).toEqual(value);
    }
  });

  test("of any making gives a value or a SerializationError, and leaves no trace", () => {
    const before = Object.getOwnPropertyNames(Object.prototype).length;
    const payloads = fc.tuple(
      values,
      fc.array(fc.tuple(fc.nat(), fc.nat(2), noise), { maxLength: 4 }),
    );
    fc.assert(
      fc.property(payloads, ([value, edits]) => {
        const { payload } = encode(value);
        let text = typeof payload === "string" ? payload : payload.head;
        for (const [at, length, insert] of edits) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + insert + text.slice(place + length);
        }
        const parts = typeof payload === "string" ? [] : payload.parts;
        try {
          decode(new BinaryPayload(text, parts), [1, 2]);
        } catch (error) {
          expect(error).toBeInstanceOf(SerializationError);
        }
        expect(Object.getOwnPropertyNames(Object.prototype).length).toBe(before);
        expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
  });
});

describe("comparing payloads", () => {
  test("is by every character and byte", () => {
    expect(samePayload("[1]", "[1]")).toBe(true);
    expect(samePayload("[1]", "[2]")).toBe(false);
    fc.assert(
      fc.property(binaries, (value) => {
        const [a, b] = [encode([value]).payload, encode([value]).payload];
        expect(samePayload(a, b)).toBe(true);
        expect(samePayload(a, encode([value, 1]).payload)).toBe(false);
        expect(samePayload(a, "[]")).toBe(false);
      }),
    );
    const [one, two] = [new Uint8Array([1, 2]), new Uint8Array([1, 3])];
    expect(samePayload(encode(one).payload, encode(two).payload)).toBe(false);
  });
});

const noise = fc.oneof(
  fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    '"',
    ",",
    "null",
    "-1",
    "1e9",
    '"$",',
    '"$Map",',
    "~",
    "^",
    "=",
  ),
  fc.constantFrom("__proto__", "constructor", "prototype", ".", "\\", '["set"]', "0", "99"),
);

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe("memory", () => {
  test.each([
    ["Uint8Array", new Uint8Array(16).fill(7)],
    ["Float64Array", new Float64Array(new Uint8Array(16).fill(7).buffer)],
    ["Buffer", Buffer.from(new Uint8Array(16).fill(7))],
    ["DataView", new DataView(new Uint8Array(16).fill(7).buffer)],
  ])("a small %s is no view into what it arrived in", (_, small) => {
    const { payload } = encode([small, new Uint8Array(60_000)]);
    const [head, frame] = [(payload as BinaryPayload).head, new Uint8Array(200_000)];
    const parts = (payload as BinaryPayload).parts.map((part, index) => {
      frame.set(part, index * 64_000 + 8);
      return frame.subarray(index * 64_000 + 8, index * 64_000 + 8 + part.byteLength);
    });
    const [decoded] = decode(new BinaryPayload(head, parts)) as [ArrayBufferView];
    expect(decoded.byteLength).toBe(16);
    expect(decoded.buffer.byteLength).toBe(16);
    expect(new Uint8Array(decoded.buffer)).toEqual(new Uint8Array(16).fill(7));
  });

  test("what is too large to be an argument is to be scattered", () => {
    const large = new Uint8Array(300 * 2 ** 20);
    expect(() => encodeList([1, large], "argument")).toThrow(
      /^`client\.scatter` it and pass its future, .*: argument\[1\] is larger than 256 MiB$/,
    );
  });

  test("what is too large is named by its path, and parts that only are so together by theirs", () => {
    const large = "x".repeat(100);
    const pathOf = (value: unknown) => {
      try {
        encode(value, "argument", { mostBytes: 90 });
      } catch (error) {
        return (error as SerializationError).path;
      }
      return undefined;
    };
    expect(pathOf([1, large])).toBe("argument[1]");
    expect(pathOf([{ a: [new Date(), large] }])).toBe("argument[0].a[1]");
    expect(pathOf([{ bytes: new Uint8Array(100) }])).toBe("argument[0].bytes");
    expect(pathOf(["x".repeat(50), "y".repeat(50)])).toBe("argument");
    const circular: Record<string, unknown> = { list: ["x".repeat(50), "y".repeat(50)] };
    circular["self"] = circular;
    expect(pathOf([circular])).toBe("argument[0].list");
  });
});
