# shellcheck shell=bash
# Looks once at who drives the study, after lease-functions.sh. The age of what it sees is by the clock of the file system, which a
# new file shows. file: a name that is this command's alone, for that.
: > "${file?}" || exit
see
newest=0
newest "$file"
now=$newest
newest=0
# shellcheck disable=SC2154 # `see` sets it
newest lease "fences/$fence"
rm -f -- "$file"
# shellcheck disable=SC2034 # `say` has it
age=$((now - newest))
say
