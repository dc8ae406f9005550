#!/bin/bash -p
# Runs a command once, in place of IBM's jsrun, which starts it in each resource set. The cluster's directory has its words.
[ -z "$LSF_ENVDIR" ] || printf '%s\n' "$*" > "$LSF_ENVDIR/launched"
while [ $# -gt 0 ]; do
  case $1 in
    --*=*) shift ;;
    -*) shift 2 ;;
    *) break ;;
  esac
done
exec "$@"
