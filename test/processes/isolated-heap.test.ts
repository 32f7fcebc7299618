// The worker of `worker-heap.test.ts`, with processes for its tasks.

import "../in-processes.ts";
import "./worker-heap.test.ts";
