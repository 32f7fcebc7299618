// Values in files: a file that cannot be reached for a while is not a lost one.

import { expect, test } from "vitest";
import type { Disk } from "../../../worker/results/spilling.ts";
import { fileSource, readBack, spill } from "../../../worker/results/spilling.ts";

const pausesMs = [0, 0, 0];

/** A disk whose files cannot be opened for so many times, with this code. */
function failingDisk(times: number, code: string): Disk {
  return {
    write(rows) {
      const bytes = Buffer.concat(rows);
      let left = times;
      return Promise.resolve({
        open() {
          if (left-- > 0) return Promise.reject(Object.assign(new Error(code), { code }));
          return Promise.resolve({
            read: (into: Uint8Array, from: number) => {
              into.set(bytes.subarray(from, from + into.byteLength));
              return Promise.resolve();
            },
            close: () => Promise.resolve(),
          });
        },
        remove: () => Promise.resolve(),
      });
    },
  };
}

test.each(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"])(
  "a value is read back after %s, by its worker and by others",
  async (code) => {
    const file = await spill(failingDisk(3, code), "some text");
    expect(await readBack(file, pausesMs)).toBe("some text");
    const other = await spill(failingDisk(2, code), "more text");
    const source = await fileSource(other, () => undefined, pausesMs);
    expect(Buffer.from(await source.read(100)).toString()).toBe("more text");
  },
);

test("a file that is gone is lost at once, and one that never opens after a while", async () => {
  const gone = await spill(failingDisk(1, "ENOENT"), "text");
  await expect(readBack(gone, pausesMs)).rejects.toThrow("ENOENT");
  const never = await spill(failingDisk(9, "EMFILE"), "text");
  await expect(readBack(never, pausesMs)).rejects.toThrow("EMFILE");
});
