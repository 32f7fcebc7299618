// Parentheses that change nothing are dropped: tools print those of the source, or only what is needed.
// They stay where the precedence of what is inside and around does not show that they are idle.

import { endsExpression, isVariable, type Token } from "./function-tokens.ts";

const list = 0;
const delimited = 1;
const assignment = 2;
const conditional = 3;
const unary = 15;
const chain = 17;
const member = 18;
const primary = 20;

const binary = new Map(
  [
    ["??", "||"],
    ["&&"],
    ["|"],
    ["^"],
    ["&"],
    ["==", "!=", "===", "!=="],
    ["<", ">", "<=", ">=", "instanceof", "in"],
    ["<<", ">>", ">>>"],
    ["+", "-"],
    ["*", "/", "%"],
    ["**"],
  ].flatMap((signs, index) => signs.map((sign) => [sign, conditional + 1 + index] as const)),
);
const power = binary.get("**")!;
const prefixes = /^(?:[!~+-]|typeof|void|delete|await)$/;
const assigns = /^(?:[+\-*/%&|^]|\*\*|<<|>>>?|&&|\|\||\?\?)?=$/;
const opening = /^(?:[([,?:{;]|=>|\.\.\.|return|throw|case|yield)$/;
const closing = /^[)\]},;:]$/;

export function withoutIdleParentheses(tokens: readonly Token[]): Token[] {
  const kept: Token[] = [];
  const open: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind === "sign" && token.text === "(") open.push(kept.length);
    const isClosing = (token.kind === "sign" || token.kind === "head") && token.text === ")";
    const start = isClosing ? open.pop() : undefined;
    if (start !== undefined && token.kind === "sign" && areIdle(kept, start, tokens[index + 1])) {
      kept.splice(start, 1);
    } else {
      kept.push(token);
    }
  }
  return kept;
}

/** Whether the parentheses are that begin at `start` and end before `next`. */
function areIdle(tokens: readonly Token[], start: number, next: Token | undefined): boolean {
  const inside = tokens.slice(start + 1);
  const [first] = inside;
  if (first === undefined) return false;
  if (next?.kind === "sign" && next.text === "=>") {
    return inside.length === 1 && isVariable(first) && first.text !== "async";
  }
  const before = tokens[start - 1];
  if (before === undefined || !mayBegin(before, first)) return false;
  const loosest = loosestOf(inside);
  return loosest > precedenceBefore(tokens, start - 1) && loosest >= precedenceAfter(next);
}

/** Where a statement or the body of an arrow function may begin, a text, a brace and some words are others. */
function mayBegin(before: Token, first: Token): boolean {
  if (before.kind !== "sign" || !/^(?:[{;:]|=>)$/.test(before.text)) return true;
  if (before.text === "=>") return first.text !== "{";
  return isVariable(first) ? first.text !== "async" : /^(?:[([]|this)$/.test(first.text);
}

function precedenceBefore(tokens: readonly Token[], at: number): number {
  const { kind, text } = tokens[at]!;
  if (kind === "literal" && text.endsWith("${")) return delimited;
  if (kind !== "sign" && kind !== "word") return Infinity;
  if (opening.test(text) || assigns.test(text)) return delimited;
  const isBinary = binary.has(text) && endsExpression(tokens[at - 1]);
  if (isBinary) return text === "**" ? power - 0.5 : binary.get(text)!;
  return prefixes.test(text) ? unary - 0.5 : Infinity;
}

function precedenceAfter(next: Token | undefined): number {
  if (next === undefined) return delimited;
  const { kind, text } = next;
  if (kind === "literal")
    return text.startsWith("}") ? delimited : text.startsWith("`") ? member : Infinity;
  if (kind === "head" || (kind === "sign" && closing.test(text))) return delimited;
  if (kind === "sign" && /^(?:[.([]|\?\.)$/.test(text)) return member;
  if (kind === "sign" && text === "?") return conditional + 1;
  if (kind !== "sign" && kind !== "word") return Infinity;
  return text === "**" ? unary : (binary.get(text) ?? Infinity);
}

/** The precedence of the loosest operator outside of brackets; that of a list if in doubt. */
function loosestOf(tokens: readonly Token[]): number {
  let loosest = primary;
  let depth = 0;
  let previous: Token | undefined;
  for (const token of tokens) {
    const { kind, text } = token;
    const isTemplate = kind === "literal" && /^[`}]/.test(text);
    const closes = kind === "head" || (kind === "sign" && /^[)\]}]$/.test(text));
    if (closes || (isTemplate && text.startsWith("}"))) depth--;
    if (depth === 0 && !closes) loosest = Math.min(loosest, precedenceOf(token, previous));
    if ((kind === "sign" && /^[([{]$/.test(text)) || (isTemplate && text.endsWith("${"))) depth++;
    // An object ends an expression here, and a function is looser than all that may follow it.
    previous = closes ? { kind: "sign", text: ")" } : token;
  }
  return loosest;
}

function precedenceOf(token: Token, previous: Token | undefined): number {
  const { kind, text } = token;
  if (kind === "name" || kind === "literal" || isVariable(token)) return primary;
  if (kind === "postfix" || text === "++" || text === "--") return unary;
  if (assigns.test(text) || /^(?:=>|function|class|yield|extends)$/.test(text)) return assignment;
  if (text === "?" || text === ":") return conditional;
  if (text === "?." || text === "new") return chain;
  if (/^[.([{]$/.test(text)) return text === "." || endsExpression(previous) ? member : primary;
  // The head of a `for` takes no bare `in`.
  if (text === "in") return list;
  if (binary.has(text) && endsExpression(previous)) return binary.get(text)!;
  return prefixes.test(text) ? unary : list;
}
