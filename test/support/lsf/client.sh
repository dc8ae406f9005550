#!/bin/bash -p
# A command of the stand-in for LSF, by its own name: sends its words, its input and its environment to the cluster (main.ts), and
# prints what comes back. Its directory is `bin` in the cluster's.
read -r port < "${0%/*}/../port" || exit
name=${0##*/}
script=
if [ "$name" = bsub ]; then
  script=$(cat; echo .)
  script=${script%.}
fi
if ! exec 3<> "/dev/tcp/127.0.0.1/$port"; then
  echo 'LSF is down. Please wait ...' >&2
  exit 255
fi 2> /dev/null
{
  printf '%s\0' "$name" "$PWD" "$#" "$@" "$script"
  env -0
  printf '\0'
} >&3
while IFS= read -r line <&3; do
  case $line in
    1*) printf '%s\n' "${line#1}" ;;
    2*) printf '%s\n' "${line#2}" >&2 ;;
    =*) exit "${line#=}" ;;
  esac
done
# The connection broke.
exit 255
