// From here on, the workers of this test file run their tasks in processes.

import { tested } from "./isolation.ts";

tested.isolation = "processes";
