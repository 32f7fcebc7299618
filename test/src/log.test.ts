// Log lines for people and for machines; none of them contains a token.

import { afterEach, describe, expect, test } from "vitest";
import { configureLog, createLog, hideInLogs, type LogFormat } from "../../src/log.ts";
import { mintToken } from "../../src/meeting/token.ts";

const lines: string[] = [];
const write = (line: string) => void lines.push(line);
afterEach(() => void (lines.length = 0));

function onlyRecord(): Record<string, unknown> {
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe("a log for people", () => {
  test("is one line a record: time, level, role, sentence, facts", () => {
    configureLog({ write });
    createLog("worker").info("joined", { worker: "n1-0", threads: 4, why: "it was asked to" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {4}worker: joined {2}worker=n1-0 {2}threads=4 {2}why="it was asked to"\n$/,
    );
  });

  test("keeps one line and the cursor where they are, whatever a record says", () => {
    configureLog({ write });
    createLog("worker").error("two\nlines \u001b[2J\u001b[31mred\u009b1A", { at: "a\nb" });
    expect(lines[0]).toMatch(/error {3}worker: two\\nlines red {2}at="a\\nb"\n$/);
    // eslint-disable-next-line no-control-regex
    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  test("shows braces in a sentence as they are", () => {
    configureLog({ write });
    createLog("worker").warning('threw {"code":{message}} {{x}}', { message: "wrong" });
    expect(lines[0]).toContain('worker: threw {"code":{message}} {{x}}  message=wrong');
  });

  test("leaves out what is below its level", () => {
    configureLog({ write, level: "warning" });
    const log = createLog("worker");
    log.debug("no");
    log.info("no");
    log.warning("yes");
    log.error("yes");
    expect(lines).toHaveLength(2);
  });
});

describe("a log for machines", () => {
  test("is one JSON object a line", () => {
    configureLog({ write, format: "json", level: "debug" });
    createLog("scheduler").debug("moved\non", { from: ["a"], nothing: undefined, big: 10n });
    expect(onlyRecord()).toMatchObject({
      level: "debug",
      role: "scheduler",
      message: "moved\non",
      from: ["a"],
      big: "10n",
    });
  });

  test("has the stack of an error, and something for what is not JSON", () => {
    configureLog({ write, format: "json" });
    const ring: Record<string, unknown> = {};
    ring.self = ring;
    createLog("worker").error("failed", { error: new RangeError("too far"), ring });
    const record = onlyRecord();
    expect(record.error).toMatch(/^RangeError: too far\n {4}at /);
    expect(record.ring).toContain("[Circular");
  });
});

test.each<LogFormat>(["text", "json"])("a token never appears in a %s log", (format) => {
  configureLog({ write, format });
  const token = mintToken();
  const odd = String.raw`with"quotes'and\slashes`;
  hideInLogs(odd);
  const log = createLog("scheduler");
  log.info(`upgrade with Bearer ${token} refused`, { token, nested: { header: [token] } });
  log.error("failed", { error: new Error(`bad token ${token}`) });
  log.info(`token ${odd}`, { odd, nested: { header: [odd] }, text: JSON.stringify({ odd }) });
  expect(lines).toHaveLength(3);
  expect(lines.join("")).not.toContain(token);
  expect(lines[2]).not.toContain("quotes");
  expect(lines.join("")).toContain("***");
});
