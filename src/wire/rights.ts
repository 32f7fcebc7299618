// What a token allows. Whoever has the full token may do everything, and runs code on the workers; whoever has
// the view token may look.

export const rights = ["full", "view"] as const;
export type Right = (typeof rights)[number];

/** A view token begins with this; a minted full token never has a period. */
const viewPrefix = "view.";

/** The right that comes with a token. */
export function rightOf(token: string): Right {
  return token.startsWith(viewPrefix) ? "view" : "full";
}
