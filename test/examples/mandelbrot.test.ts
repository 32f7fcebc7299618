// The picture put together from tiles is the one that a single tile would show.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PNG } from "pngjs";
import { afterAll, expect, test } from "vitest";
import { renderTile } from "../../examples/mandelbrot/tasks.ts";
import { runExample } from "./run-example.ts";

const folder = mkdtempSync(path.join(tmpdir(), "thence-mandelbrot-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("renders the picture on one thread and on two", { timeout: 120_000 }, async () => {
  const out = path.join(folder, "picture.png");
  const size = ["--width", "300", "--iterations", "200"];
  const { code, stdout, stderr } = await runExample("mandelbrot/main.ts", ...size, "--out", out);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^1 thread +\d+\.\d+ s\n2 threads +\d+\.\d+ s\n300 × 200 pixels in /);

  const { width, height, data } = PNG.sync.read(readFileSync(out));
  expect([width, height]).toEqual([300, 200]);
  const view = { width, height, real: -0.6, imaginary: 0, reach: 1.65, iterations: 200 };
  const whole = renderTile({ view, left: 0, top: 0, width, height });
  const colours = data.filter((_value, index) => index % 4 !== 3);
  expect(Buffer.compare(colours, whole)).toBe(0);
  const colourAt = (x: number, y: number) => [
    ...whole.subarray((y * width + x) * 3).subarray(0, 3),
  ];
  expect(colourAt(150, 100)).toEqual([0, 0, 0]);
  expect(colourAt(0, 0)).not.toEqual([0, 0, 0]);
});
