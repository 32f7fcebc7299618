#!/usr/bin/env sh
":" /* This part is for the shell: it settles what is too late for a program of Node. See signals.js.
trap '' USR1
trap 'exit 0' TERM INT QUIT
THENCE_SIGHUP=default
{ sh -c 'kill -s HUP $$' && THENCE_SIGHUP=ignored; } 2>/dev/null
export THENCE_SIGHUP
case "$NODE_OPTIONS" in *--inspect*)
  NODE_OPTIONS=$(printf '%s' "$NODE_OPTIONS" | sed 's/--inspect[^ ]\{0,\}//g') ;;
esac
exec node --inspect-port=192.0.2.1:9229 "$0" "$@"
*/
// `thence-scheduler`: `thence scheduler` under a name of its own.

import "./signals.js";
import { launch } from "./launch.js";

await launch("scheduler");
