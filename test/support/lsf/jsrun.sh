#!/bin/bash -p
# Runs a command once, in place of IBM's jsrun, which starts it in each resource set.
while [ $# -gt 0 ]; do
  case $1 in
    --*=*) shift ;;
    -*) shift 2 ;;
    *) break ;;
  esac
done
exec "$@"
