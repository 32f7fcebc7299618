// The repository's source files and their imports, read with the TypeScript parser, for the tests of
// the house rules.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

export const root = path.join(import.meta.dirname, "..", "..");

/** The folders of the product, from the lowest layer up. */
export const productFolders = ["src", "scheduler", "worker", "client", "cluster", "cli"] as const;

export type Source = {
  /** The path from the repository's root, with slashes: "src/link/link.ts". */
  file: string;
  text: string;
  imports: readonly Import[];
  tree: ts.SourceFile;
};
export type Import = {
  /** As written: "node:fs", "ws", "./link.ts". */
  specifier: string;
  /** For a relative import, the file's path from the root. */
  file: string | undefined;
  typeOnly: boolean;
};

/** Every `.ts` and `.js` file under these folders, sorted. */
export function sourcesUnder(...folders: readonly string[]): Source[] {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((entry) => /\.(ts|js)$/.test(entry))
        .map((entry) => path.posix.join(folder, entry.split(path.sep).join("/"))),
    )
    .sort()
    .map(readSource);
}

function readSource(file: string): Source {
  const text = readFileSync(path.join(root, file), "utf8");
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const add = (specifier: string, typeOnly: boolean): void => {
    const relative = specifier.startsWith(".");
    const target = path.posix.join(path.posix.dirname(file), specifier);
    // Built files are copies of sources.
    if (relative && target.startsWith("dist/")) return;
    imports.push({ specifier, file: relative ? target : undefined, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const phase = node.importClause?.phaseModifier;
      add(node.moduleSpecifier.text, phase === ts.SyntaxKind.TypeKeyword);
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier !== undefined &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) add(node.argument.literal.text, true);
    } else if (ts.isStringLiteral(node) && /^\.\.?\/.*\.(ts|js)$/.test(node.text)) {
      // A file named in code is loaded later: by import(), or as the entry of a thread or process.
      if (!ts.isImportDeclaration(node.parent) && !ts.isExportDeclaration(node.parent)) {
        if (!ts.isLiteralTypeNode(node.parent)) add(node.text, false);
      }
    }
    if (ts.isTemplateExpression(node) && /^\.\.?\/[\w/-]+$/.test(node.head.text)) {
      // `./name${extension}` names a file both in a checkout and in dist/.
      add(`${node.head.text}.ts`, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return { file, text, imports, tree };
}

/** The text of a file's opening comment; empty without one. */
export function openingComment({ text }: Source): string {
  // A launcher begins with a part for the shell, which is a comment to JavaScript.
  const lines = text.replace(/^(#!.*\n)":" \/\*[^]*?\*\/\n/, "$1").split("\n");
  if (lines[0]?.startsWith("#!") === true) lines.shift();
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines
    .slice(0, end === -1 ? lines.length : end)
    .map((line) => line.replace(/^\/\/\s?/, ""))
    .join("\n")
    .trim();
}
