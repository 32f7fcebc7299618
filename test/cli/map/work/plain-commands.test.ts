// Which commands are started without a shell.

import { afterEach, expect, test, vi } from "vitest";
import { plainCommands } from "../../../../cli/map/work/plain-commands.ts";

afterEach(() => vi.unstubAllEnvs());

test.each([
  ["true 1", ["true", "1"]],
  ["ls -l /tmp/a.b", ["ls", "-l", "/tmp/a.b"]],
  ["ls 'a b' x'$y'z ''", ["ls", "a b", "x$yz", ""]],
  ["/bin/ls a=b", ["/bin/ls", "a=b"]],
])("%s needs no shell", (command, words) => {
  expect(plainCommands("/bin/bash")(command)).toEqual(words);
});

test.each([
  "echo a",
  "cd /tmp",
  "A=1 ls",
  "ls *",
  "ls ~",
  "ls; ls",
  "ls $HOME",
  'ls "a"',
  "ls a\nls",
  "ls {a,b}",
  "ls # no",
  "./ls",
  "no-such-program-anywhere 1",
  "ls 'a",
  "",
])("%s needs the shell", (command) => {
  expect(plainCommands("/bin/bash")(command)).toBeUndefined();
});

test("a function that bash would inherit goes before a program", () => {
  vi.stubEnv("BASH_FUNC_ls%%", "() { echo mine; }");
  expect(plainCommands("/bin/bash")("ls a")).toBeUndefined();
});

test("other shells may have files of the user's that change any command", () => {
  expect(plainCommands("/usr/bin/fish")("true 1")).toBeUndefined();
  vi.stubEnv("BASH_ENV", "/home/me/env");
  expect(plainCommands("/bin/bash")("true 1")).toBeUndefined();
});
