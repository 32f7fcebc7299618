// Executors that do not answer, with a process for each.

import "../../in-processes.ts";
import "../calls/wedged.test.ts";
