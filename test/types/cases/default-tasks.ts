// A module with a default export, which has no name to be called by.

declare const _default: (x: number) => number;
export { _default as default };
export declare function twice(x: number): number;
