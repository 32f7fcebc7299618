// The tokens of a function's text, with the semicolons that line ends stand for. Blanks, comments, quotes
// and the writing of numbers are gone; all else is kept. Where the meaning of a slash is in doubt, the
// rest of the text is one token.

export type Token = {
  readonly text: string;
  /** A `name` is that of a property after a dot; a `head` closes the condition of a statement. */
  readonly kind: "word" | "name" | "literal" | "sign" | "head" | "postfix";
};

const blank = /(?:\s|\/\/.*|\/\*[^]*?\*\/)+/y;
const lineEnd = /[\n\r\u2028\u2029]/;
const text = /"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'/y;
const templateChunk = /(?:\\[^]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y;
const number = /(?:0[xob][\da-f_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d+)?)n?/iy;
const word = /(?:(?!\s)[\w$#\u0080-\uffff])+/y;
const pattern = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const sign =
  />>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|\?\.(?!\d)|\+\+|--|&&|\|\||\?\?|\*\*|<<|>>|[=!<>+\-*/%&|^]=|[^]/y;

const keywords = new Set(
  (
    "break case catch class const continue debugger default delete do else export extends finally for " +
    "function if import in instanceof new return switch throw try typeof var void while with await yield"
  ).split(" "),
);
/** Each is a name in some places, and in others a part of what follows. */
const contextual = new Set(["of", "get", "set", "static", "accessor", "let", "await", "yield"]);
const endedByLine = /^(?:return|throw|break|continue|yield)$/;
const continuing = /^(?:in|instanceof|of|extends)$/;
const beforeHead = /^(?:if|while|for|with)$/;

/** Whether it is a word that may name a variable. */
export function isVariable({ kind, text }: Token): boolean {
  return kind === "word" && !keywords.has(text) && !contextual.has(text) && !/^[\d#]/.test(text);
}

/** Whether an expression may end with it. In doubt with `}`, it is said not to. */
export function endsExpression(token: Token | undefined): boolean {
  if (token === undefined || token.kind === "head") return false;
  if (token.kind === "word") return !keywords.has(token.text) && !contextual.has(token.text);
  if (token.kind === "sign") return token.text === ")" || token.text === "]";
  return !token.text.endsWith("${");
}

/** Whether an expression may end with it, or what follows begin one: of a block, or with `get` and the like. */
export function isDoubtful(token: Token | undefined): boolean {
  if (token?.kind === "word") return contextual.has(token.text);
  return token?.kind === "sign" && token.text === "}";
}

function mayBeVariable(token: Token | undefined): boolean {
  const isName = token?.kind === "word" && contextual.has(token.text) && !keywords.has(token.text);
  return isName || endsExpression(token);
}

export function tokensOf(code: string): Token[] {
  return withoutIdleSemicolons(split(code));
}

function split(code: string): Token[] {
  const tokens: Token[] = [];
  /** What is open: a bracket, `head` for the parenthesis of a condition, or `${` of a template. */
  const open: string[] = [];
  let at = 0;
  const take = (kind: RegExp): string | undefined => {
    kind.lastIndex = at;
    const found = kind.exec(code)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const takeRest = (): Token => {
    const rest = code.slice(at);
    at = code.length;
    return { kind: "literal", text: rest };
  };
  const takeTemplate = (start: "`" | "}", previous: Token | undefined): Token => {
    at++;
    const chunk = take(templateChunk);
    if (chunk === undefined) return takeRest();
    if (chunk.endsWith("${")) open.push("${");
    const isTagged = endsExpression(previous) || isDoubtful(previous);
    // Whether a tag stands before the template is not known any more after its first value.
    const isPlain = start === "`" && chunk.endsWith("`") && !isTagged;
    // A text where a statement begins may be a directive, a template never is.
    if (isPlain && !/^[{;]$/.test(previous?.text ?? ";")) {
      return { kind: "literal", text: normalText(chunk.slice(0, -1).replace(/\r\n?/g, "\n")) };
    }
    return { kind: "literal", text: start + chunk };
  };
  const takeSlash = (previous: Token | undefined): Token => {
    if (isDoubtful(previous)) return takeRest();
    if (endsExpression(previous)) return { kind: "sign", text: take(sign)! };
    const found = take(pattern);
    return found === undefined ? takeRest() : { kind: "literal", text: found };
  };
  const takeSign = (previous: Token | undefined): Token => {
    const found = take(sign)!;
    if (found === "(") {
      const before = previous?.text === "await" ? tokens.at(-2) : previous;
      open.push(before?.kind === "word" && beforeHead.test(before.text) ? "head" : "(");
    } else if (found === "[" || found === "{") {
      open.push(found);
    } else if (found === ")" || found === "]" || found === "}") {
      if (open.pop() === "head") return { kind: "head", text: found };
    } else if ((found === "++" || found === "--") && mayBeVariable(previous)) {
      return { kind: "postfix", text: found };
    }
    return { kind: "sign", text: found };
  };
  const takeToken = (previous: Token | undefined): Token => {
    const next = code[at]!;
    if (next === "`") return takeTemplate("`", previous);
    if (next === "}" && open.at(-1) === "${") {
      open.pop();
      return takeTemplate("}", previous);
    }
    if (next === "/") return takeSlash(previous);
    const quoted = take(text);
    if (quoted !== undefined) return { kind: "literal", text: normalText(quoted.slice(1, -1)) };
    const numeral = take(number);
    if (numeral !== undefined) return { kind: "literal", text: normalNumber(numeral) };
    const name = take(word);
    if (name === undefined) return takeSign(previous);
    const isProperty = previous?.text === "." || previous?.text === "?.";
    return { kind: isProperty ? "name" : "word", text: name };
  };

  while (at < code.length) {
    const isNextLine = lineEnd.test(take(blank) ?? "");
    if (at >= code.length) break;
    const previous = tokens.at(-1);
    if (isNextLine && previous !== undefined && endsStatement(previous, code.slice(at, at + 16))) {
      tokens.push({ kind: "sign", text: ";" });
    }
    tokens.push(takeToken(tokens.at(-1)));
  }
  return tokens;
}

/** Whether a line end between them is read as a semicolon. */
function endsStatement(previous: Token, next: string): boolean {
  if (previous.kind === "word" && endedByLine.test(previous.text)) return true;
  if (/^(?:\+\+|--)/.test(next)) return mayBeVariable(previous);
  if (!endsExpression(previous)) return false;
  return /^[\w$#"'\\\u0080-\uffff]/.test(next) && !continuing.test(/^[\w$]*/.exec(next)![0]);
}

/** A semicolon changes nothing before a closing brace, nor between one and a word that begins a statement. */
function withoutIdleSemicolons(tokens: readonly Token[]): Token[] {
  return tokens.filter(({ kind, text }, index) => {
    if (kind !== "sign" || text !== ";") return true;
    const next = tokens[index + 1];
    if (next?.kind === "sign" && next.text === "}") return false;
    const isAfterBlock = tokens[index - 1]?.kind === "sign" && tokens[index - 1]?.text === "}";
    return !(isAfterBlock && next?.kind === "word" && !continuing.test(next.text));
  });
}

/** The same number is written the same: `1_000` as `1e3`, `.5` as `0.5`. */
function normalNumber(written: string): string {
  const plain = written.replaceAll("_", "");
  const isOctal = /^0\d/.test(plain);
  return isOctal || plain.endsWith("n") ? plain : String(Number(plain));
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v" };

/** The same text is quoted and escaped the same. */
function normalText(content: string): string {
  const hasOctals = /^(?:[^\\]|\\[^1-9])*?\\(?:[1-9]|0\d)/.test(content);
  if (hasOctals) return `'${content}'`;
  const plain = content.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]+)\}|(0)|(\r\n|[^]))/g,
    (_, two?: string, four?: string, more?: string, zero?: string, one: string = "") => {
      const code = two ?? four ?? more ?? zero;
      if (code !== undefined) return String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff));
      return lineEnd.test(one) ? "" : (escapes[one] ?? one);
    },
  );
  return JSON.stringify(plain);
}
