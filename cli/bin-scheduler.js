#!/usr/bin/env node
// `thence-scheduler`: `thence scheduler` under a name of its own.

import { launch } from "./launch.js";

await launch("scheduler");
