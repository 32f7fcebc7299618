#!/usr/bin/env sh
":" /* This part is for the shell: it settles what is too late for a program of Node. See signals.js.
trap '' USR1
case "$1" in scheduler | worker) trap 'exit 0' TERM INT QUIT ;; esac
THENCE_SIGHUP=default
{ sh -c 'kill -s HUP $$' && THENCE_SIGHUP=ignored; } 2>/dev/null
export THENCE_SIGHUP
case "$NODE_OPTIONS" in *--inspect*)
  NODE_OPTIONS=$(printf '%s' "$NODE_OPTIONS" | sed 's/--inspect[^ ]\{0,\}//g') ;;
esac
# A shell may drop variables whose names it cannot hold, such as the exported functions of bash.
odd='^[^=]*[^A-Za-z0-9_=][^=]*='
if [ "$1" = map ] && grep -qz "$odd" /proc/$$/environ 2>/dev/null; then
  THENCE_VARIABLES=$(grep -z "$odd" /proc/$$/environ | base64 | tr -d '\n')
  # The system takes no longer text.
  [ ${#THENCE_VARIABLES} -lt 120000 ] && export THENCE_VARIABLES
fi
exec node --inspect-port=192.0.2.1:9229 "$0" "$@"
*/
// `thence`: every command under one name.

import "./signals.js";
import { launch } from "./launch.js";

await launch();
