// Compiles the scheduler's core with the language alone: a timer, a socket, `process` or the console
// in it is an unknown name. tsconfig.core.json says so; this test runs it.

import path from "node:path";
import ts from "typescript";
import { beforeAll, expect, test } from "vitest";
import { root } from "./sources.ts";

const forbidden: Record<string, string> = {
  "a timer": "setTimeout(() => {}, 1);",
  "the process": "process.exit();",
  "a module of Node": 'import "node:fs";',
  "a socket": 'new WebSocket("ws://127.0.0.1");',
  "the console": "console.log(1);",
};
const core = path.join(root, "scheduler", "core") + path.sep;
const fileWith = (what: string): string => `${core}${what.replaceAll(" ", "-")}.ts`;

/** One program, because it takes a second: the core, and code that must not compile in it. */
let program: ts.Program;
beforeAll(() => {
  program = coreProgram(
    Object.fromEntries(Object.entries(forbidden).map(([what, code]) => [fileWith(what), code])),
  );
}, 120_000);

test("the core compiles where there is neither Node nor a browser", { timeout: 120_000 }, () => {
  const extra = Object.keys(forbidden).map(fileWith);
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => isInCore(fileName) && !extra.includes(path.normalize(fileName)));
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap(diagnosticsOf)).toEqual([]);
});

test.each(Object.keys(forbidden))("%s would not compile there", (what) => {
  const file = program.getSourceFile(fileWith(what));
  expect(file === undefined ? undefined : diagnosticsOf(file)).toHaveLength(1);
});

/** The program of tsconfig.core.json, with extra files that exist only in this test. */
function coreProgram(more: Readonly<Record<string, string>>): ts.Program {
  const configFile = path.join(root, "tsconfig.core.json");
  const { config } = ts.readConfigFile(configFile, (file) => ts.sys.readFile(file)) as {
    config: unknown;
  };
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (file) => more[path.normalize(file)] ?? readFile.call(host, file);
  host.fileExists = (file) => path.normalize(file) in more || fileExists.call(host, file);
  return ts.createProgram([...fileNames, ...Object.keys(more)], options, host);
}

/**
 * The program also contains the files of src/ whose types the core imports. They may use names that
 * this configuration lacks.
 */
function isInCore(file: string): boolean {
  return path.normalize(file).startsWith(core);
}

function diagnosticsOf(source: ts.SourceFile): string[] {
  return [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
  ].map(({ file, messageText }) => {
    const where = path.relative(root, file?.fileName ?? "");
    return `${where}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}
