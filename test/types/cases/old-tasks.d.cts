// The types of old-tasks.cjs, as a library would ship them.

export declare function halve(x: number): number;
export declare const version: string;
