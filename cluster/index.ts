// The public API of `thence/cluster`: clusters whose workers are jobs of a batch system.

import "../src/supported-node.ts";
export type { AdaptOptions, BatchCluster } from "./batch-cluster.ts";
export { BatchSystemError, type JobPhase, type JobStatus } from "./batch-system.ts";
export { SlurmCluster, type SlurmClusterOptions } from "./slurm/slurm-cluster.ts";
