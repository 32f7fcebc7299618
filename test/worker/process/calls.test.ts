// What a worker does with the calls it is sent, with a process for each executor.

import "../../in-processes.ts";
import "../calls/calls.test.ts";
