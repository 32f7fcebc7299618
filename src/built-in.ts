// The functions that every worker has beside those of its modules. They are left out where functions are
// listed for people.

/** The name of their module, which no other module may take. */
export const builtInModule = "thence";

/** @param name the registered name of a function */
export function isBuiltIn(name: string): boolean {
  return name.startsWith(`${builtInModule}.`);
}
