// Which call has which device, with a process for each executor.

import "../../in-processes.ts";
import "../calls/devices.test.ts";
