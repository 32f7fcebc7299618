// The digest by which a function that a client passes is found among those that workers registered: of
// its own name and its text. Driver and worker may have come through different tools: Node blanks types
// out, others print the code anew, with other quotes, parentheses and names for what is imported. So the
// digest is of a normal form of the text. Texts of different meaning never share one; texts of one meaning
// may differ in it, and are refused.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { withoutIdleParentheses } from "./function-parentheses.ts";
import { endsExpression, isDoubtful, isVariable, tokensOf, type Token } from "./function-tokens.ts";

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- any callable has a text
type Callable = Function;

const digestBytes = 8;

/**
 * Tells functions apart by name and text, but not by what they close over or call.
 *
 * @param salt makes the digest of a function that no passed function may be taken for
 */
export function functionDigest(task: Callable, salt = ""): string {
  const parts = JSON.stringify([salt, task.name, ...normalForm(textOf(task))]);
  return bytesToHex(sha256(utf8ToBytes(parts)).subarray(0, digestBytes));
}

/** Whether there is no text to know it by: of what `bind` and `Proxy` make, and of what is built in. */
export function hasNoText(task: Callable): boolean {
  return /\{\s*\[native code\]\s*\}\s*$/.test(textOf(task));
}

export function isClass(task: Callable): boolean {
  return /^class\b/.test(textOf(task));
}

function textOf(task: Callable): string {
  return Function.prototype.toString.call(task);
}

// ── What tools add ───────────────────────────────────────────────────────────────────────────────

function normalForm(code: string): string[] {
  const plain = withPlainUndefined(withoutKeptNames(withoutImports(tokensOf(code))));
  return withoutIdleParentheses(withoutTrailingCommas(plain)).map(({ text }) => text);
}

/** What modules are called by Vite. Nobody else uses such names. */
const moduleOfVite = /^(?:__vi_import_\d+__|__vite_ssr_import_\d+__)$/;
/** What modules are called by esbuild, and by tsc to CommonJS. Variables may have such names too. */
const moduleOfCommonJs = /^(?:import_\w+|\w+_\d+)$/;
const notImported = /^(?:this|super|null|true|false|undefined|arguments|eval|enum)$/;

/**
 * `(0, import_sums.sum)(x)` is `sum(x)`. A name is taken for that of a module if it is called so, and
 * is not declared in the function.
 */
function withoutImports(tokens: readonly Token[]): Token[] {
  const textAt = (at: number) => tokens[at]?.text;
  const isMember = (at: number) =>
    tokens[at]!.kind === "word" && textAt(at + 1) === "." && tokens[at + 2]?.kind === "name";
  const isDetached = (at: number) =>
    [-3, -2, -1, 3].map((by) => textAt(at + by)).join(" ") === "( 0 , )" &&
    !mayBeCalled(tokens[at - 4]);
  const isModuleName = (at: number) =>
    moduleOfVite.test(textAt(at)!) || (moduleOfCommonJs.test(textAt(at)!) && isDetached(at));
  const isKey = (at: number) => textAt(at + 1) === ":" && /^[{,]$/.test(textAt(at - 1) ?? "");

  const words = [...tokens.keys()].filter((at) => tokens[at]!.kind === "word" && !isKey(at));
  const named = new Set(words.filter((at) => isMember(at) && isModuleName(at)).map(textAt));
  const modules = named.difference(new Set(words.filter((at) => !isMember(at)).map(textAt)));
  const variables = new Set(words.map(textAt)).difference(modules);
  /** A name is that of one import alone: not of two modules, nor of a variable. */
  const moduleOf = new Map<string, string | undefined>();
  const imports = words.filter((at) => isMember(at) && modules.has(textAt(at)));
  for (const at of imports) {
    const name: Token = { kind: "word", text: textAt(at + 2)! };
    const isFree = isVariable(name) && !variables.has(name.text) && !notImported.test(name.text);
    const isOther = moduleOf.has(name.text) && moduleOf.get(name.text) !== textAt(at);
    moduleOf.set(name.text, isFree && !isOther ? textAt(at) : undefined);
  }

  const kept: Token[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const isImport = isMember(at) && modules.has(textAt(at));
    if (!isImport || moduleOf.get(textAt(at + 2)!) === undefined) {
      kept.push(tokens[at]!);
      continue;
    }
    const detached = isDetached(at);
    if (detached) kept.splice(-3);
    kept.push({ kind: "word", text: textAt(at + 2)! });
    at += detached ? 3 : 2;
  }
  return kept;
}

/** Whether a parenthesis after it may be that of a call. */
function mayBeCalled(token: Token | undefined): boolean {
  if (token === undefined) return false;
  const isOperator = token.kind === "word" && /^(?:await|yield)$/.test(token.text);
  return token.text === "?." || endsExpression(token) || (isDoubtful(token) && !isOperator);
}

/** esbuild and tsx keep the names of inner functions: `__name(() => 1, "one")` is `() => 1`. */
function withoutKeptNames(tokens: readonly Token[]): Token[] {
  const textAt = (at: number) => tokens[at]?.text ?? "";
  const calls = [...tokens.keys()].filter((at) => textAt(at) === "__name");
  const isDeclared = calls.some(
    (at) => textAt(at + 1) !== "(" || /^(?:function|\.|\?\.)$/.test(textAt(at - 1)),
  );
  if (isDeclared) return [...tokens];

  const dropped = new Set<number>();
  const drop = (from: number, to: number) => {
    for (let at = from; at <= to; at++) dropped.add(at);
  };
  for (const at of calls) {
    const end = closingOf(tokens, at + 1);
    if (textAt(end - 2) !== "," || !textAt(end - 1).startsWith('"')) continue;
    const isShort = end === at + 5;
    const isInClass =
      textAt(at - 2) === "static" && textAt(at - 1) === "{" && textAt(end + 1) === "}";
    if (isShort && isInClass && textAt(at + 2) === "this") {
      // In a class: `static { __name(this, "One") }`.
      drop(at - 2, end + 1);
    } else if (
      isShort &&
      textAt(end - 1) === JSON.stringify(textAt(at + 2)) &&
      /^[{};]$/.test(textAt(at - 1))
    ) {
      // After a declaration: `__name(one, "one");`.
      drop(at, textAt(end + 1) === ";" ? end + 1 : end);
    } else {
      drop(at, at);
      drop(end - 2, end - 1);
    }
  }
  return tokens.filter((_, at) => !dropped.has(at));
}

function closingOf(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let at = start; at < tokens.length; at++) {
    if (tokens[at]!.text === "(") depth++;
    else if (tokens[at]!.text === ")" && --depth === 0) return at;
  }
  return -1;
}

/** `void 0` is how some tools write `undefined`. */
function withPlainUndefined(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token, at) => {
    const isVoid = (index: number) =>
      tokens[index]?.kind === "word" &&
      tokens[index].text === "void" &&
      tokens[index + 1]?.text === "0" &&
      /^[)\]},;:?]$|^[=!]==?$|^(?:&&|\|\||\?\?)$/.test(tokens[index + 2]?.text ?? ";");
    if (isVoid(at)) return [{ kind: "word" as const, text: "undefined" }];
    return isVoid(at - 1) ? [] : [token];
  });
}

/** The last comma of a list changes nothing, but where it stands for a hole. */
function withoutTrailingCommas(tokens: readonly Token[]): Token[] {
  return tokens.filter(({ kind, text }, at) => {
    if (kind !== "sign" || text !== ",") return true;
    const isHole = /^[,[]$/.test(tokens[at - 1]?.text ?? "");
    return isHole || !/^[)\]}]$/.test(tokens[at + 1]?.text ?? "");
  });
}
