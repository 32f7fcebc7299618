// The check of messages: well-formed ones pass, and the error for others says what is wrong.

import { describe, expect, test } from "vitest";
import { clientHello as hello } from "../link/accepting-side.ts";
import {
  checkFromClient,
  checkFromWorker,
  checkHello,
  checkToClient,
  checkToWorker,
  checkWelcome,
  VersionError,
} from "../../../src/wire/check.ts";
import { ProtocolError } from "../../../src/errors/errors.ts";
import { limits } from "../../../src/wire/limits.ts";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { PROTOCOL_VERSION } from "../../../src/wire/protocol.ts";

const finished = {
  type: "finished",
  keys: ["a", "b"],
  attempts: [1, 1],
  values: ["1", "2"],
  micros: [3, 4],
};
const reference = { head: "h", first: 0, count: 1 };

describe("a check", () => {
  test("returns the very message when it is as it should be", () => {
    expect(checkFromWorker(finished)).toBe(finished);
    const submit = { type: "submit", name: "add", keys: ["a"], args: ["[]"], inputs: [["x", "y"]] };
    expect(checkFromClient(submit)).toBe(submit);
    const run = {
      type: "run",
      name: "add",
      keys: ["a"],
      attempts: [1],
      args: ["[]"],
      inputs: [["1"]],
    };
    expect(checkToWorker(run)).toBe(run);
    const answer = { type: "answer", id: 1, to: "who-has", result: [["w1"], []] };
    expect(checkToClient(answer)).toBe(answer);
    const refusal = { type: "answer", id: 1, failure: { code: "lost-data", message: "gone" } };
    expect(checkToClient(refusal)).toBe(refusal);
  });

  test("holds an answer to what the request that it names is answered with", () => {
    const answer = { type: "answer", id: 1, to: "who-has" };
    expect(() => checkToClient({ ...answer, result: [["w1"], [2]] })).toThrow(
      /"answer" to who-has\.1\.0: .*string/,
    );
    expect(() => checkToClient(answer)).toThrow(/"answer" to who-has/);
    expect(() => checkToClient({ type: "answer", id: 1, to: "no such" })).toThrow(/"answer"\.to/);
    expect(() => checkToClient({ type: "answer", id: 1, result: null })).toThrow(ProtocolError);
    const value = { head: "x", first: 0, count: 1 };
    const published = { ...answer, to: "published", result: { value } };
    expect(() => checkToClient(published)).toThrow("refers to part 1 of a frame that has 0");
    const part = new Uint8Array([1]);
    const received = checkToClient(structuredClone(published), [part]);
    expect(received).toMatchObject({ result: { value: { head: "x", parts: [part] } } });
  });

  test("names the type of the message and the place inside it", () => {
    expect(() => checkFromWorker({ ...finished, attempts: [1, "x"] })).toThrow(
      /"finished"\.attempts\.1: .*integer/,
    );
    expect(() => checkFromWorker({ ...finished, keys: ["a", ""] })).toThrow(/"finished"\.keys\.1/);
    expect(() => checkFromWorker({ ...finished, keys: undefined })).toThrow(/"finished"\.keys/);
    expect(() => checkFromWorker({ type: "submit" })).toThrow(/"submit" is not a type known here/);
  });

  test("refuses the size of a result that looks like a payload too", () => {
    const sizes = (size: object) => ({ ...finished, values: ["1", { bytes: 5, ...size }] });
    expect(checkFromWorker(sizes({}))).toEqual(sizes({}));
    for (const head of [3, null, "h", { length: -1e15 }])
      expect(() => checkFromWorker(sizes({ head }))).toThrow(/"finished"\.values/);
  });

  test("refuses payloads that share parts, of which each would have a list", () => {
    const parts = [new Uint8Array([1]), new Uint8Array([2])];
    const values = (...firsts: number[]) => firsts.map((first) => ({ head: "h", first, count: 1 }));
    const read = checkFromWorker({ ...finished, values: values(1, 0) }, [...parts]);
    expect(read).toMatchObject({ values: [{ parts: [parts[1]] }, { parts: [parts[0]] }] });
    const again = { ...finished, keys: ["a", "b", "c"], attempts: [1, 1, 1], micros: [1, 1, 1] };
    expect(() => checkFromWorker({ ...again, values: values(0, 0, 1) }, [...parts])).toThrow(
      /more than once/,
    );
  });

  test("keeps nothing of a failure or a job that does not belong to it", () => {
    const [record, more] = [{ name: "Error", message: "m" }, { more: "x" }];
    const failureOf = (extra: object) => {
      const inner = { ...record, ...extra };
      return {
        code: "c",
        message: "m",
        ...extra,
        error: { ...inner, cause: inner, errors: [inner] },
      };
    };
    const failed = { type: "failed", key: "a", attempt: 1 };
    expect(checkFromWorker({ ...failed, failure: failureOf(more) })).toEqual({
      ...failed,
      failure: failureOf({}),
    });
    const job = { system: "slurm", id: "1", step: "0" };
    const ended = { ...hello, role: "ended-worker", name: "w", host: "h", how: "" };
    expect(checkHello({ ...ended, job: { ...job, ...more } })).toEqual({ ...ended, job });
  });

  test("refuses a long text among joined ones, which would keep the others in memory", () => {
    const joined = (values: string) => ({ ...finished, values });
    expect(checkFromWorker(joined('1\n"0123456789"'))).toMatchObject({
      values: ["1", '"0123456789"'],
    });
    expect(() => checkFromWorker(joined('1\n"01234567890"'))).toThrow(/"finished": a long text/);
  });

  test("refuses names of resources that JSON would escape", () => {
    const asking = (name: string) => ({
      ...{ type: "submit", name: "add", keys: ["a"], args: ["[]"] },
      options: { resources: Object.fromEntries([[name, 1]]) },
    });
    for (const name of [
      "gpu",
      "a b",
      "größe",
      "\u{1f680}",
      "x".repeat(limits.nameLength),
      "constructor",
    ]) {
      expect(checkFromClient(asking(name))).toEqual(asking(name));
    }
    const wrong = ['a"b', "a\\b", "a\n", "\t", "\0", "\x7f", "\ud800", "\udc00a", "", "__proto__"];
    for (const name of [...wrong, "x".repeat(limits.nameLength + 1)]) {
      expect(() => checkFromClient(asking(name)), name).toThrow(ProtocolError);
    }
  });

  test("throws nothing but ProtocolError, whatever it is given", () => {
    const things: unknown[] = [
      null,
      undefined,
      1,
      "x",
      [],
      {},
      { type: 1 },
      { type: "__proto__" },
      { type: "constructor" },
      { type: "x".repeat(1_000_000) },
      { type: "finished", keys: { length: 2 } },
      Object.create(null),
    ];
    const checks = [
      checkHello,
      checkWelcome,
      checkFromClient,
      checkToClient,
      checkFromWorker,
      checkToWorker,
    ];
    for (const check of checks) {
      for (const thing of things) {
        expect(() => check(thing)).toThrow(ProtocolError);
        expect(() => check(thing)).toThrow(/^.{0,300}$/);
      }
    }
  });

  test("refuses errors nested deeper than the stack is high", () => {
    const depth = 200_000;
    const record = '{"name":"E","message":"","cause":'.repeat(depth) + "1" + "}".repeat(depth);
    const failure = `{"code":"task-failed","message":"","error":${record}}`;
    const text = `{"type":"failed","key":"a","attempt":1,"failure":${failure}}`;
    expect(() => checkFromWorker(JSON.parse(text))).toThrow('"failed": nested too deeply');
  });

  test("wants every column of one length, also those that may be absent", () => {
    expect(() => checkFromWorker({ ...finished, micros: [1] })).toThrow(
      '"finished": 2 keys but 1 micros',
    );
    const submit = { type: "submit", name: "add", keys: ["a", "b"], args: ["[]", "[]"] };
    expect(() => checkFromClient({ ...submit, inputs: [["x"]] })).toThrow("2 keys but 1 inputs");
    expect(() => checkFromClient(submit)).not.toThrow();
    expect(() =>
      checkFromWorker({ ...finished, keys: [], attempts: [], values: [], micros: [] }),
    ).toThrow(ProtocolError);
  });

  test("keeps to the limits", () => {
    const keys = Array<string>(limits.columnLength + 1).fill("k");
    expect(() => checkFromClient({ type: "release", keys })).toThrow(ProtocolError);
    expect(() => checkFromClient({ type: "release", keys: keys.slice(1) })).not.toThrow();
    const submit = (...inputs: number[]) => ({
      ...{ type: "submit", name: "f", keys: inputs.map(String), args: inputs.map(() => "[]") },
      inputs: inputs.map((count) => Array<string>(count).fill("k")),
    });
    const all = limits.inputs;
    for (const inputs of [[all], [1, all - 1]]) checkFromClient(submit(...inputs));
    expect(() => checkFromClient(submit(1, all))).toThrow(`"submit": more than ${all} inputs`);
    const long = "k".repeat(limits.keyLength + 1);
    expect(() => checkFromClient({ type: "release", keys: [long] })).toThrow(ProtocolError);
  });

  test("puts payloads back that refer to parts, wherever a payload may stand", () => {
    const parts = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
    const run = checkToWorker(
      {
        type: "run",
        name: "add",
        keys: ["a"],
        attempts: [1],
        args: [{ head: "h", first: 0, count: 2 }],
        inputs: [["1", { head: "i", first: 2, count: 1 }]],
      },
      parts,
    );
    expect(run).toMatchObject({
      args: [new BinaryPayload("h", parts.slice(0, 2))],
      inputs: [["1", new BinaryPayload("i", parts.slice(2))]],
    });
    const fetched = checkToClient({ type: "fetched", key: "a", value: { ...reference } }, [
      ...parts,
    ]);
    expect(fetched).toMatchObject({ value: new BinaryPayload("h", parts.slice(0, 1)) });
  });

  test("refuses a reference to a part that is not there", () => {
    expect(() => checkFromWorker({ ...finished, values: ["1", reference] })).toThrow(
      "refers to part 1 of a frame that has 0",
    );
    const far = { head: "h", first: Number.MAX_SAFE_INTEGER, count: 2 };
    expect(() => checkFromWorker({ ...finished, values: ["1", far] }, [])).toThrow(ProtocolError);
  });
});

describe("a hello", () => {
  test("is checked by its role", () => {
    expect(checkHello(hello)).toBe(hello);
    expect(() => checkHello({ ...hello, role: "worker" })).toThrow(/"worker"/);
    expect(() => checkHello({ ...hello, role: "scheduler" })).toThrow("not a role known here");
    // A journal could not name it again.
    expect(() => checkHello({ ...hello, id: "raw\ud800" })).toThrow("half characters");
    const ended = { ...hello, role: "ended-worker", host: "n1", how: "it was killed", pid: 7 };
    expect(checkHello(ended)).toBe(ended);
    expect(() => checkHello({ ...ended, how: "x".repeat(1_001) })).toThrow(/"ended-worker"\.how/);
    const job = { system: "slurm", id: "1".repeat(65), step: "0" };
    expect(() => checkHello({ ...ended, job })).toThrow(/"ended-worker"\.job\.id/);
  });

  test("of another version is refused as that, whatever else it holds", () => {
    const other = { protocol: PROTOCOL_VERSION + 1, type: "hallo" };
    expect(() => checkHello(other)).toThrow(VersionError);
    expect(() => checkHello(other)).toThrow(/same version of thence on both sides/);
  });
});
