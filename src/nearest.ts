// Suggestions for a mistyped name: the most similar known names.

import leven from "leven";

/** Only this many characters and differences are compared, which bounds the work. */
const comparedLength = 64;
const mostDifferences = 6;

/**
 * The known names most similar to `name`, best first. At most a third of the name may differ.
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

/** Case, and the module in `module.function`, count little, because they are often forgotten. */
function distanceBetween(wanted: string, candidate: string, furthest: number): number {
  if (candidate === wanted) return 0;
  if (candidate.endsWith(`.${wanted}`) || wanted.endsWith(`.${candidate}`)) return 0.5;
  if (isSwapped(wanted, candidate)) return 1;
  if (Math.abs(candidate.length - wanted.length) > furthest) return Infinity;
  return leven(wanted, candidate, { maxDistance: furthest + 1 });
}

/** Whether two neighbouring characters have changed places, which is one slip and not two. */
function isSwapped(wanted: string, candidate: string): boolean {
  if (wanted.length !== candidate.length) return false;
  let at = 0;
  while (wanted[at] === candidate[at] && at < wanted.length) at += 1;
  return (
    wanted[at] === candidate[at + 1] &&
    wanted[at + 1] === candidate[at] &&
    wanted.slice(at + 2) === candidate.slice(at + 2)
  );
}

function fold(name: string): string {
  return name.slice(0, comparedLength).toLowerCase();
}
