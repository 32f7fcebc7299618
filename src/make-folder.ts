// Makes a folder and those above it. Node's own way does not end where nothing can be made, as in /proc.

import { mkdirSync } from "node:fs";
import path from "node:path";

/**
 * @param mode of each folder that is made; default: what the process allows
 * @throws {Error} when it cannot be made
 */
export function makeFolder(folder: string, mode?: number): void {
  const make = () => {
    try {
      mkdirSync(folder, mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  };
  try {
    make();
  } catch (error) {
    const above = path.dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === folder) throw error;
    makeFolder(above, mode);
    make();
  }
}
