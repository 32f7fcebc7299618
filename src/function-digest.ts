// The digest by which a function that a client passes is found among those that workers registered: of
// its own name and its text. Driver and worker may have come through different tools: Node blanks types
// out, others print the code anew, with other quotes, parentheses and names for what is imported. So the
// digest is of the tokens that all of them keep.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- any callable has a text
type Callable = Function;

const digestBytes = 8;

/**
 * Tells functions apart by name and text, but not by what they close over or call.
 *
 * @param salt makes the digest of a function that no passed function may be taken for
 */
export function functionDigest(task: Callable, salt = ""): string {
  const parts = [salt, task.name, ...tokensOf(textOf(task))];
  return bytesToHex(sha256(utf8ToBytes(parts.join("\n"))).subarray(0, digestBytes));
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

// ── Tokens ───────────────────────────────────────────────────────────────────────────────────────

const blank = /(?:\s|\/\/.*|\/\*[^]*?\*\/)+/y;
const text = /"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'/y;
const template = /`(?:\\[^]|\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}|\$(?!\{)|[^\\`$])*`/y;
const number = /(?:0[xob][\da-f_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d+)?)n?/iy;
const word = /[\w$#\u0080-\uffff]+/y;
const pattern = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const sign = /=>|\.\.\.|\?\.(?!\d)|[^]/y;

/** After these a slash begins a regular expression; after other words and a closing bracket it divides. */
const beforePattern = /^(?:[^\w$)\]}"'`]*|return|typeof|case|in|of|delete|void|throw|await|yield)$/;
/** What imports are called once modules are transformed: by Vite, by esbuild, by tsc to CommonJS. */
const importedModule = /^(?:__vi_import_\d+__|__vite_ssr_import_\d+__|import_\w+|\w+_\d+)$/;

function tokensOf(code: string): string[] {
  return withoutPunctuation(withoutKeptNames(withoutImports(split(code))));
}

function split(code: string): string[] {
  const tokens: string[] = [];
  let at = 0;
  const take = (kind: RegExp): string | undefined => {
    kind.lastIndex = at;
    const [found] = kind.exec(code) ?? [];
    if (found !== undefined) at += found.length;
    return found;
  };
  while (at < code.length) {
    if (take(blank) !== undefined) continue;
    const isPattern = beforePattern.test(tokens.at(-1) ?? "");
    const literal = take(text) ?? take(template);
    tokens.push(
      literal === undefined
        ? (numeral(take(number)) ?? take(word) ?? (isPattern && take(pattern))) || take(sign)!
        : normalLiteral(literal),
    );
  }
  // A semicolon is there or not as each tool likes; `void 0` is how some of them write `undefined`.
  return tokens
    .filter((token) => token !== ";")
    .flatMap((token, index, all) => {
      if (token === "void" && all[index + 1] === "0") return ["undefined"];
      return token === "0" && all[index - 1] === "void" ? [] : [token];
    });
}

/** The same number is written the same: `1_000` as `1e3`, `.5` as `0.5`. */
function numeral(written: string | undefined): string | undefined {
  const plain = written?.replaceAll("_", "");
  return plain === undefined || plain.endsWith("n") ? plain : String(Number(plain));
}

/** The same text is quoted and escaped the same. */
function normalLiteral(literal: string): string {
  if (!literal.startsWith("`") || !literal.includes("${")) {
    return JSON.stringify(unescaped(literal.slice(1, -1)));
  }
  return unescaped(
    literal.replace(/\$\{([^{}]*)\}/g, (_, code: string) => `\${${tokensOf(code).join(" ")}}`),
  );
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v" };

function unescaped(content: string): string {
  return content.replace(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|u\{([\da-f]{1,6})\}|([^]))/gi,
    (_, two?: string, four?: string, more?: string, one: string = "") => {
      const code = two ?? four ?? more;
      if (code === undefined) return one === "\n" ? "" : (escapes[one] ?? one);
      return String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff));
    },
  );
}

/** `(0, __vi_import_0__.sum)(x)` is `sum(x)`. */
function withoutImports(tokens: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const isModule = tokens[index + 1] === "." && kept.at(-1) !== "." && importedModule.test(token);
    if (!isModule) {
      kept.push(token);
      continue;
    }
    if (kept.at(-1) === "," && kept.at(-2) === "0" && kept.at(-3) === "(") kept.splice(-2);
    index++;
  }
  return kept;
}

/** esbuild and tsx keep the names of inner functions: `__name(() => 1, "one")` is `() => 1`. */
function withoutKeptNames(tokens: readonly string[]): string[] {
  const kept: string[] = [];
  const open: ("name" | "other")[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token === "__name" && tokens[index + 1] === "(") {
      const named = tokens[index + 2];
      if (named === "this") {
        // In a class: `static { __name(this, "One") }`.
        kept.splice(-2);
        index += 6;
      } else if (tokens[index + 4] === JSON.stringify(named)) {
        // After a declaration: `__name(one, "one")`.
        index += 5;
      } else {
        open.push("name");
        index++;
      }
      continue;
    }
    if (token === "(") open.push("other");
    if (token === ")" && open.pop() === "name") kept.splice(-2);
    else kept.push(token);
  }
  return kept;
}

/** Parentheses and trailing commas are there or not as each tool likes. */
function withoutPunctuation(tokens: readonly string[]): string[] {
  return tokens.filter((token, index) => {
    if (token === ",") return !/^[)\]}]$/.test(tokens[index + 1] ?? "");
    return token !== "(" && token !== ")";
  });
}
