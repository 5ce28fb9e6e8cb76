/** The first process of the user's container. */
import { logPath, sharedFolder } from './names.ts';

/**
 * A script for any POSIX shell: it is process 1 of the container, so `kill -1` reaches everything the work has started and
 * nothing else, and its end is the end of all. Output goes into one file, in the order in which it was written, byte for
 * byte. How it ended stands in the termination message: `<exited|timeout|notStarted> <exit code>`, then a detail.
 * Arguments: timeout in seconds or nothing, grace in seconds, command….
 */
export const launcherScript = `#!/bin/sh
timeout=$1 grace=$2
shift 2
run=${sharedFolder}/run
exec >>${logPath} 2>&1 </dev/null
tell() { printf '%s\\n' "$1" >/dev/termination-log; }
if ! command -v "$1" >/dev/null; then
  tell "notStarted 127 There is no command $1 in the image."
  exit 127
fi
if [ -n "$timeout" ]; then
  (
    trap '' TERM
    sleep "$timeout"
    : >"$run/timeout"
    kill -s TERM -- -1
    sleep "$grace"
    kill -s KILL -- -1
  ) &
fi
asked=
trap 'asked=1; kill -s TERM -- -1' TERM
"$@" &
work=$!
exec 2>/dev/null # what this shell itself says is not the work's
wait "$work"
code=$?
while [ -n "$asked" ]; do # the signal ended the waiting, not the work
  asked=
  wait "$work"
  again=$?
  [ "$again" -ne 127 ] && code=$again
done
by=exited
[ -e "$run/timeout" ] && by=timeout
tell "$by $code"
exit "$code"
`;
