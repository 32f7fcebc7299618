// How calls are ended before their time, with a process for each executor.

import "../../in-processes.ts";
import "../calls/ending.test.ts";
