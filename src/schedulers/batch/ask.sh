# shellcheck shell=bash
# Sets `said` to all that a command says, on either stream.
# shellcheck disable=SC2034 # the questions look at it
ask() { said=$("$@" 2>&1 < /dev/null); }
