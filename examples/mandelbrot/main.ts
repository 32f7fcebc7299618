// Renders the Mandelbrot set as a PNG, with a task for each tile: once on one thread and once on two.
// Prints the time of both.
//
//   node examples/mandelbrot/main.ts [--width 1200] [--iterations 2000] [--out FILE]

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { PNG } from "pngjs";
import { Client } from "../../src/index.ts";
import type { Tile, View } from "./tasks.ts";

const { values } = parseArgs({
  options: {
    width: { type: "string", default: "1200" },
    iterations: { type: "string", default: "2000" },
    out: { type: "string", default: path.join(import.meta.dirname, "out", "mandelbrot.png") },
  },
});
const width = Number(values.width);
const height = Math.round((width * 2) / 3);
const iterations = Number(values.iterations);
const view: View = { width, height, real: -0.6, imaginary: 0, reach: 1.65, iterations };

const pictures: Buffer[] = [];
for (const threads of [1, 2]) {
  const { picture, seconds } = await render(threads);
  console.log(`${threads} ${threads === 1 ? "thread " : "threads"} ${seconds.toFixed(2)} s`);
  pictures.push(picture);
}
const [first, second] = pictures;
if (first === undefined || second === undefined || !first.equals(second)) {
  throw new Error("one thread and two made different pictures");
}
mkdirSync(path.dirname(values.out), { recursive: true });
writeFileSync(values.out, second);
console.log(`${width} × ${height} pixels in ${path.relative(".", values.out)}`);

async function render(threads: number): Promise<{ picture: Buffer; seconds: number }> {
  const client = await Client.local<typeof import("./tasks.ts")>({
    modules: [path.join(import.meta.dirname, "tasks.ts")],
    threads,
  });
  try {
    const start = performance.now();
    const tiles = tilesOf(view, 64);
    const pixels = await client.gather(client.map("renderTile", tiles));
    const seconds = (performance.now() - start) / 1000;
    return { picture: assemble(tiles, pixels), seconds };
  } finally {
    await client.close();
  }
}

/** Divides the picture into square tiles; those at its right and lower edges may be smaller. */
function tilesOf(whole: View, side: number): Tile[] {
  const tiles: Tile[] = [];
  for (let top = 0; top < whole.height; top += side) {
    for (let left = 0; left < whole.width; left += side) {
      const right = Math.min(left + side, whole.width);
      const bottom = Math.min(top + side, whole.height);
      tiles.push({ view: whole, left, top, width: right - left, height: bottom - top });
    }
  }
  return tiles;
}

function assemble(tiles: readonly Tile[], pixels: readonly Uint8Array[]): Buffer {
  const png = new PNG({ width, height });
  for (const [index, tile] of tiles.entries()) {
    const source = pixels[index];
    if (source === undefined) throw new Error(`tile ${index} is missing`);
    for (let pixel = 0; pixel < tile.width * tile.height; pixel += 1) {
      const x = tile.left + (pixel % tile.width);
      const y = tile.top + Math.floor(pixel / tile.width);
      const colour = source.subarray(pixel * 3, pixel * 3 + 3);
      png.data.set([...colour, 255], (y * width + x) * 4);
    }
  }
  return PNG.sync.write(png);
}
