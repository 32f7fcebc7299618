// Daemons that were given what no attempt could start with: they say so, exit with 2, and are not started anew.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { root, thence } from "../processes.ts";

const module = path.join(root, "test", "fixtures", "arithmetic.ts");
const worker = ["worker", "ws://127.0.0.1:1", "--module", module];
const scheduler = ["scheduler", "--port", "0"];

test.each<[words: string, args: string[]]>([
  ["nosuch", [...worker, "--interface", "nosuch"]],
  ["--local-directory", [...worker, "--local-directory", "/dev/null"]],
  ["--local-directory", [...worker, "--local-directory", "/proc/thence"]],
  ["--name", [...worker, "--name", ""]],
  ["--name", [...worker, "--name", "x".repeat(257)]],
  ["more than 65536 tasks", [...worker, "--threads", "1000", "--concurrency", "100"]],
  ["/nowhere/ca", [...worker, "--tls-ca", "/nowhere/ca"]],
  ["/nowhere/ca", ["status", "--address", "wss://127.0.0.1:1", "--tls-ca", "/nowhere/ca"]],
  ["nosuch", [...scheduler, "--interface", "nosuch"]],
  ["192.0.2.7", [...scheduler, "--host", "192.0.2.7"]],
  ["/nowhere/s.json", [...scheduler, "--scheduler-file", "/nowhere/s.json"]],
  ["/nowhere/token", [...scheduler, "--token-file", "/nowhere/token"]],
  ["printable", [...scheduler, "--token", ""]],
  ["a full token", [...scheduler, "--token", "view.x"]],
  ["4 MiB or more", [...scheduler, "--memory-limit", "16KiB"]],
  ["4 MiB or more", [...scheduler, "--memory-limit", "4095KiB"]],
  ["--pid-file", [...scheduler, "--pid-file", "/nowhere/pid"]],
  ["/dev/null", [...scheduler, "--journal", "/dev/null"]],
  ["nosuch", ["run", "--module", module, "--interface", "nosuch", module]],
])("%s: %j", async (words, args) => {
  const folder = await mkdtemp(path.join(tmpdir(), "thence-usage-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const env = { THENCE_TOKEN: "token", TMPDIR: folder };
  const { how, stderr } = await thence(args, { env }).ended;
  expect(how, stderr).toBe(2);
  // Once, and at the end.
  const lines = stderr
    .trimEnd()
    .split("\n")
    .filter((line) => line.includes(words));
  expect(lines, stderr).toHaveLength(1);
  expect(stderr.trimEnd().split("\n").at(-1)).toContain(words);
});

test.each([
  ["of a newer version", '{"format":99}', "start the newer version on this journal"],
  ["that is damaged", "{}", "is not the identity of a journal: restore it from a backup"],
])("a journal %s", async (_, identity, words) => {
  const folder = await mkdtemp(path.join(tmpdir(), "thence-usage-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, "journal.json"), identity, { mode: 0o600 });
  const { how, stderr } = await thence([...scheduler, "--journal", folder]).ended;
  expect(how, stderr).toBe(2);
  expect(stderr.trimEnd().split("\n").at(-1)).toContain(words);
});
