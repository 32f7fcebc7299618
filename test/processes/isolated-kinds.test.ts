// The rules of `kinds.test.ts`, with processes for the tasks.

import "../in-processes.ts";
import "./kinds.test.ts";
