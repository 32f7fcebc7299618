// The token of a scheduler: how it is made, and where a given token is found. Tokens are never written
// to a log. They should not be on a command line, which every user of a machine can list.

import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { open } from "node:fs/promises";
import { hmac } from "../link/hmac.ts";
import { hideInLogs } from "../log.ts";
import { UsageError } from "../usage-error.ts";
import { rightOf, viewPrefix } from "../wire/rights.ts";
import { isPlanted, plantedHint, warnOfExposure, whyUnreadable, type Warn } from "./exposure.ts";

/** Makes a token of 256 random bits, as text that is safe in headers, URLs and shells. */
export function mintToken(): string {
  return checkedToken(randomBytes(32).toString("base64url"), "the new token");
}

/** The token that only allows to look, made from the full one, so that it need not be kept. */
export function viewTokenOf(token: string): string {
  return checkedToken(`${viewPrefix}${hmac(token, "thence view token")}`, "the view token");
}

/** @throws {UsageError} when a scheduler cannot have this token */
export function checkFullToken(token: string): void {
  if (rightOf(token) === "full") return;
  throw new UsageError(
    `give the scheduler a full token: one that begins with "${viewPrefix}" is a view token`,
  );
}

export type TokenSources = {
  /** The token itself. */
  token?: string | undefined;
  /** A file that contains the token, with white space around it ignored; or a scheduler file. */
  tokenFile?: string | undefined;
  /** The environment with `THENCE_TOKEN` and `THENCE_TOKEN_FILE`. Default: `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Hears once when others than the owner can read or change the file with the token. */
  warn?: Warn | undefined;
};

/**
 * The given token, or undefined: the first of `token`, `tokenFile`, `$THENCE_TOKEN` and
 * `$THENCE_TOKEN_FILE`. Callers choose the fallback, a scheduler file or a new token.
 *
 * @throws {Error} when a token file cannot be read or trusted, or a token is empty or not valid in a header
 */
export async function givenToken(sources: TokenSources = {}): Promise<string | undefined> {
  const { token, tokenFile, environment = process.env, warn } = sources;
  if (token !== undefined) return checkedToken(token, "the given token");
  if (tokenFile !== undefined) return tokenIn(tokenFile, warn);
  const { THENCE_TOKEN, THENCE_TOKEN_FILE } = environment;
  if (THENCE_TOKEN) return checkedToken(THENCE_TOKEN, "$THENCE_TOKEN");
  if (THENCE_TOKEN_FILE) return tokenIn(THENCE_TOKEN_FILE, warn);
  return undefined;
}

/**
 * Checks a token that is given as text, so that a malformed one fails at once. A token in a file is
 * not checked here, because the file may still change.
 *
 * @throws {Error} when the token is not valid in a header
 */
export function checkTokenAtHand(sources: TokenSources): void {
  const { token, tokenFile, environment = process.env } = sources;
  if (token !== undefined) checkedToken(token, "the given token");
  else if (tokenFile === undefined && environment.THENCE_TOKEN) {
    checkedToken(environment.THENCE_TOKEN, "$THENCE_TOKEN");
  }
}

async function tokenIn(path: string, warn: Warn | undefined): Promise<string> {
  const { content, stats } = await contentOf(path).catch((error: NodeJS.ErrnoException) => {
    const why = whyUnreadable(path, error);
    throw new Error(`cannot read the token file ${path}: ${why}`, { cause: error });
  });
  const token = checkedToken(tokenOf(content.trim()), `the token in ${path}`);
  if (stats.isFile() && rightOf(token) === "full") {
    if (isPlanted(path, stats))
      throw new Error(`cannot trust the token file ${path}: ${plantedHint}`);
    if (warn) warnOfExposure(`the token file ${path}`, path, stats, warn);
  }
  return token;
}

/** Of a scheduler file only the token counts: its URLs may be those of another network. */
function tokenOf(content: string): string {
  if (!content.startsWith("{")) return content;
  try {
    const { token } = JSON.parse(content) as { token?: unknown };
    return typeof token === "string" ? token : content;
  } catch {
    return content;
  }
}

async function contentOf(path: string): Promise<{ content: string; stats: Stats }> {
  const file = await open(path);
  try {
    const stats = await file.stat();
    return { content: await file.readFile("utf8"), stats };
  } finally {
    await file.close();
  }
}

/** Checks a token. The error never contains its text. */
function checkedToken(token: string, where: string): string {
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) {
    throw new Error(`${where} must be 1 to 4096 printable ASCII characters without spaces`);
  }
  hideInLogs(token);
  return token;
}
