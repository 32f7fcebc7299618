// Names that a mistyped one may have meant.

import leven from "leven";

/** Names are compared by their beginnings, and up to a few differences: that bounds the work. */
const comparedLength = 64;
const mostDifferences = 6;

/**
 * The known names nearest to `name`, nearest first; none that differ in more than a third of it.
 *
 * @example nearestNames("ad", ["add", "sub"]); // ["add"]
 */
export function nearestNames(name: string, known: Iterable<string>, limit = 3): string[] {
  const wanted = fold(name);
  const furthest = Math.min(mostDifferences, Math.max(1, Math.floor(wanted.length / 3)));
  const near: { name: string; distance: number }[] = [];
  for (const candidate of known) {
    if (candidate === name) continue;
    const distance = distanceBetween(wanted, fold(candidate), furthest);
    if (distance <= furthest) near.push({ name: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near.slice(0, limit).map((each) => each.name);
}

/**
 * The end of an error message about an unknown name: ` Did you mean "add" or "sub"?`, or nothing.
 */
export function didYouMean(name: string, known: Iterable<string>): string {
  const quoted = nearestNames(name, known).map((each) => `"${each}"`);
  const last = quoted.pop();
  if (last === undefined) return "";
  return ` Did you mean ${quoted.length > 0 ? `${quoted.join(", ")} or ` : ""}${last}?`;
}

/** Case, and the module of `module.function`, are what people forget first: both count little. */
function distanceBetween(wanted: string, candidate: string, furthest: number): number {
  if (candidate === wanted) return 0;
  if (candidate.endsWith(`.${wanted}`) || wanted.endsWith(`.${candidate}`)) return 0.5;
  if (Math.abs(candidate.length - wanted.length) > furthest) return Infinity;
  return leven(wanted, candidate, { maxDistance: furthest + 1 });
}

function fold(name: string): string {
  return name.slice(0, comparedLength).toLowerCase();
}
