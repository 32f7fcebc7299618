// Renders one tile of the Mandelbrot set: pure arithmetic.

/** A rectangle of a picture, in pixels, and the part of the complex plane that the picture shows. */
export type Tile = {
  view: View;
  left: number;
  top: number;
  width: number;
  height: number;
};
export type View = {
  /** The size of the whole picture, in pixels. */
  width: number;
  height: number;
  /** The centre of the picture in the complex plane, and the distance from it to the edges. */
  real: number;
  imaginary: number;
  reach: number;
  /** A point that has not escaped after this many steps counts as part of the set. */
  iterations: number;
};

/** The tile's pixels, row by row, three bytes each: red, green, blue. */
export function renderTile({ view, left, top, width, height }: Tile): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  const scale = (2 * view.reach) / view.width;
  let at = 0;
  for (let y = top; y < top + height; y += 1) {
    const imaginary = view.imaginary - (y - view.height / 2) * scale;
    for (let x = left; x < left + width; x += 1) {
      const real = view.real + (x - view.width / 2) * scale;
      const steps = stepsToEscape(real, imaginary, view.iterations);
      if (steps < view.iterations) {
        pixels[at] = shade(steps, 0);
        pixels[at + 1] = shade(steps, 0.6);
        pixels[at + 2] = shade(steps, 1.2);
      }
      at += 3;
    }
  }
  return pixels;
}

function stepsToEscape(real: number, imaginary: number, iterations: number): number {
  let a = 0;
  let b = 0;
  for (let step = 0; step < iterations; step += 1) {
    const next = a * a - b * b + real;
    b = 2 * a * b + imaginary;
    a = next;
    if (a * a + b * b > 4) return step;
  }
  return iterations;
}

function shade(steps: number, phase: number): number {
  return Math.round(127.5 - 127.5 * Math.cos(0.15 * steps + phase));
}
