// The unit of work: which values of the input sources one job is made of.

/** The values of one combination of the sources, by column. */
export type Row = readonly string[];

/** One job: its number from 1, its rows, and the number of the slot it runs in. */
export type Job = { readonly seq: number; readonly rows: readonly Row[]; readonly slot: number };
