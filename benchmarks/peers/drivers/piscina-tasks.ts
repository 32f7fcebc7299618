// What Piscina's threads load: a task takes one argument there, and says which result is to be moved.

import { peerPackage } from "./driver.ts";
import * as tasks from "./tasks.ts";

type PiscinaPackage = { Piscina: { move: (value: unknown) => unknown } };
const { Piscina } = peerPackage<PiscinaPackage>("piscina");

export function add([a, b]: [number, number]): number {
  return tasks.add(a, b);
}

export function makeArray(size: number): unknown {
  return Piscina.move(tasks.makeArray(size));
}

export const sumArray = tasks.sumArray;
