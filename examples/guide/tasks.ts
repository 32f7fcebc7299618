// The tasks of the guide's job: plain exported functions. A worker registers them by their names.

export const add = (x: number, y: number): number => x + y;
export const sub = (x: number, y: number): number => x - y;
