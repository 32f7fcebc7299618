#!/usr/bin/env node
// `thence-worker`: `thence worker` under a name of its own.

import { launch } from "./launch.js";

await launch("worker");
