// What a record survives before anybody hears of it: the death of the process, or a loss of power.

export const durabilities = ["process", "machine"] as const;
export type Durability = (typeof durabilities)[number];
