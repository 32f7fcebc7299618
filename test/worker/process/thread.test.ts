// What the user's code does to the thread that it runs on, and what a task sees there, with a process for
// each executor.

import "../../in-processes.ts";
import "../boundary/unposted-results.test.ts";
import "../thread/current-task.test.ts";
import "../thread/interference.test.ts";
