// A client whose token only allows to look: what it could not do anyway fails at once.

import { PermissionError } from "../src/errors/errors.ts";
import type { Welcome } from "../src/wire/protocol.ts";

export function viewersError(
  welcome: Pick<Welcome, "right"> | undefined,
): PermissionError | undefined {
  if (welcome?.right !== "view") return undefined;
  return new PermissionError("use the full token: this one only allows to look");
}
