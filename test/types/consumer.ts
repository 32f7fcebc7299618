// A project that uses this package as published, compiled by a TypeScript of choice: what each of its
// lines is said to be in its comments, and what the compiler finds.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import ts from "typescript";
import { readersConfig, root } from "../examples/code-blocks.ts";

export type Compiler = typeof ts;

const cases = path.join(root, "test/types/cases");
export const caseFiles = readdirSync(cases).filter((file) => file.endsWith(".ts"));

/** Lays the project out: the cases, the package's manifest with its declarations, its dependencies. */
export function layConsumer(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-types-"));
  cpSync(cases, folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
  const installed = path.join(folder, "node_modules");
  mkdirSync(path.join(installed, "thence"), { recursive: true });
  for (const name of readdirSync(path.join(root, "node_modules"))) {
    if (name === "thence" || name.startsWith(".")) continue;
    symlinkSync(path.join(root, "node_modules", name), path.join(installed, name));
  }
  cpSync(path.join(root, "package.json"), path.join(installed, "thence", "package.json"));
  writeDeclarations(path.join(installed, "thence", "dist"));
  return folder;
}

/** What a build writes of types, of the files that the public faces reach. */
function writeDeclarations(outDir: string): void {
  const file = path.join(root, "tsconfig.build.json");
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const { options } = ts.getParsedCommandLineOfConfigFile(file, { outDir }, host)!;
  const faces = ["src/index.ts", "worker/index.ts", "cluster/index.ts"].map((face) =>
    path.join(root, face),
  );
  const program = ts.createProgram(faces, { ...options, emitDeclarationOnly: true, noCheck: true });
  program.emit();
}

/**
 * Compiles the cases as the README has its readers do, and declarations too.
 *
 * @returns by case file, one line for everything that is not as its comments say
 */
export function compileConsumer(
  compiler: Compiler,
  folder: string,
  more: Record<string, boolean>,
): Map<string, string[]> {
  const json = { ...readersConfig().compilerOptions, declaration: true, ...more };
  const { options } = compiler.convertCompilerOptionsFromJson(json, folder);
  const files = caseFiles.map((file) => path.join(folder, file));
  const program = compiler.createProgram(files, options);
  const surprises = new Map<string, string[]>();
  for (const file of files) {
    const source = program.getSourceFile(file)!;
    surprises.set(path.basename(file), [
      ...surprisingErrors(compiler, program, source),
      ...surprisingTypes(compiler, program, source),
    ]);
  }
  const elsewhere = [...program.getGlobalDiagnostics(), ...program.getOptionsDiagnostics()];
  for (const file of program.getSourceFiles()) {
    if (file.fileName.includes("/thence/")) elsewhere.push(...program.getSemanticDiagnostics(file));
  }
  if (elsewhere.length > 0) {
    surprises.set(
      "declarations",
      elsewhere.map((each) => wordsOf(compiler, each)),
    );
  }
  return surprises;
}

/**
 * The words of each `// error:` must be part of an error on the line below it, and no line has another.
 * An ellipsis in them stands for anything.
 */
function surprisingErrors(
  compiler: Compiler,
  program: ts.Program,
  source: ts.SourceFile,
): string[] {
  const lines = source.text.split("\n");
  const expected = new Map<number, string>();
  for (const [index, line] of lines.entries()) {
    const [, words] = /^\s*\/\/ error: (.*)$/.exec(line) ?? [];
    if (words !== undefined) expected.set(index + 1, words);
  }
  const found = [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
    ...program.getDeclarationDiagnostics(source),
  ];
  const surprises: string[] = [];
  for (const error of found) {
    const { line } = source.getLineAndCharacterOfPosition(error.start ?? 0);
    const words = wordsOf(compiler, error);
    const wanted = expected.get(line);
    if (!wanted?.split(" … ").every((part) => words.includes(part)))
      surprises.push(`${line + 1}: ${words}`);
    expected.delete(line);
  }
  for (const [line, words] of expected) surprises.push(`${line + 1}: no error: ${words}`);
  return surprises;
}

/** The types that are said behind `export const name = …;`, as an editor would show them. */
function surprisingTypes(compiler: Compiler, program: ts.Program, source: ts.SourceFile): string[] {
  const checker = program.getTypeChecker();
  return source.statements.flatMap((statement) => {
    if (!compiler.isVariableStatement(statement)) return [];
    const [declaration] = statement.declarationList.declarations;
    const [, said] = /^ *\/\/ (.*)/.exec(source.text.slice(statement.end)) ?? [];
    if (said === undefined || declaration === undefined) return [];
    const type = checker.getTypeAtLocation(declaration.name);
    const printed = checker.typeToString(type, declaration, compiler.TypeFormatFlags.NoTruncation);
    // A file that does not import a type has it shown with its place.
    const shown = printed.replaceAll(/import\("[^"]*"\)\.|\btasks\./g, "");
    if (shown === said) return [];
    return [`${declaration.name.getText(source)}: ${shown}, not ${said}`];
  });
}

function wordsOf(compiler: Compiler, error: ts.Diagnostic): string {
  return compiler.flattenDiagnosticMessageText(error.messageText, " ").replace(/\s+/g, " ");
}
