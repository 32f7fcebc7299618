#!/usr/bin/env node
// `thence`: every command under one name.

import { launch } from "./launch.js";

await launch();
