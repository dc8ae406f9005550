# shellcheck shell=bash
# Sets `said` to the output of a command on both streams.
# shellcheck disable=SC2034 # the questions look at it
ask() { said=$("$@" 2>&1 < /dev/null); }
