// The token that opens a scheduler: how one is made and where a given one is found. A token is
// never written to a log, and best not to a command line, which every user of a machine can list.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hideInLogs } from "../log.ts";

/** A fresh token of 256 random bits, as text that is safe in headers, URLs and shells. */
export function mintToken(): string {
  return checkedToken(randomBytes(32).toString("base64url"), "the new token");
}

export type TokenSources = {
  /** The token itself. */
  token?: string | undefined;
  /** A file whose content, white space around it aside, is the token. */
  tokenFile?: string | undefined;
  /** Where `THENCE_TOKEN` and `THENCE_TOKEN_FILE` are looked up; default `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
};

/**
 * The token that was given, or undefined: the first of `token`, `tokenFile`, `$THENCE_TOKEN` and
 * `$THENCE_TOKEN_FILE`. What comes after these, a scheduler file or a new token, is the caller's.
 *
 * @throws {Error} when a token file cannot be read, or a token is empty or could not stand in a header
 */
export async function givenToken(sources: TokenSources = {}): Promise<string | undefined> {
  const { token, tokenFile, environment = process.env } = sources;
  if (token !== undefined) return checkedToken(token, "the given token");
  if (tokenFile !== undefined) return tokenIn(tokenFile);
  const { THENCE_TOKEN, THENCE_TOKEN_FILE } = environment;
  if (THENCE_TOKEN) return checkedToken(THENCE_TOKEN, "$THENCE_TOKEN");
  if (THENCE_TOKEN_FILE) return tokenIn(THENCE_TOKEN_FILE);
  return undefined;
}

/**
 * Looks at a token that is at hand already: what is wrong with it stays wrong, however often
 * `givenToken` is asked. One in a file may yet be mended.
 *
 * @throws {Error} when it could not stand in a header
 */
export function checkTokenAtHand(sources: TokenSources): void {
  const { token, tokenFile, environment = process.env } = sources;
  if (token !== undefined) checkedToken(token, "the given token");
  else if (tokenFile === undefined && environment.THENCE_TOKEN) {
    checkedToken(environment.THENCE_TOKEN, "$THENCE_TOKEN");
  }
}

async function tokenIn(path: string): Promise<string> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(`cannot read the token file ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  });
  return checkedToken(content.trim(), `the token in ${path}`);
}

/** Says nothing of the token's own text, not even in an error. */
function checkedToken(token: string, where: string): string {
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) {
    throw new Error(`${where} must be 1 to 4096 printable ASCII characters without spaces`);
  }
  hideInLogs(token);
  return token;
}
