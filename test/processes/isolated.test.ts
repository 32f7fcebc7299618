// Real workers as in the other files here, with processes for their tasks.

import "../in-processes.ts";
import "./data.test.ts";
import "./spinning.test.ts";
import "./sub-tasks.test.ts";
import "./task-kills.test.ts";
