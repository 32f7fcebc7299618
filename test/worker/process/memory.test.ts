// What calls take of the worker's memory, with a process for each executor.

import "../../in-processes.ts";
import "../calls/memory.test.ts";
