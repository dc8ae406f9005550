#!/bin/bash
# Holds an allocation for the study that it belongs to. Usage: allocation NUMBER NODES FLUX
directory=${0%/*}
base=$directory/allocation-$1
nodes=$2
flux=$3
patience=${MAESTRO_ALLOCATION_PATIENCE:-600}
interval=${MAESTRO_ALLOCATION_INTERVAL:-3}

cannot() {
  echo "maestro: $1" >&2
  exit 1
}

# Without a way to talk to each other brokers are instances of one node each, and each of them comes here.
size=$("$flux" getattr size) || cannot 'cannot ask the Flux instance how many nodes it has'
if [ "$size" != "$nodes" ]; then
  cannot "the Flux instance has $size of $nodes nodes: the brokers did not find each other (their PMI differs from the launcher's; with Slurm SLURM_MPI_TYPE=pmi2 in the environment may help)"
fi
local=$("$flux" getattr local-uri) || cannot 'cannot ask the Flux instance where it is'
uri=ssh://$(hostname)${local#local://}

# Only our own: another allocation may have come in our stead.
forget() {
  local written
  { read -r written < "$base.uri"; } 2> /dev/null
  [ "$written" != "$uri" ] || rm -f -- "$base.uri"
}
trap forget EXIT
pause=
trap '[ -z "$pause" ] || kill "$pause" 2> /dev/null; exit 143' TERM INT HUP

if ! echo "$uri" > "$base.uri.$$" || ! mv -f -- "$base.uri.$$" "$base.uri"; then
  cannot "cannot write $base.uri"
fi

seen=
since=$SECONDS
while :; do
  sleep "$interval" & pause=$!
  wait "$pause"
  pause=
  # A directory that was read is up to date on NFS too; a name that was not there may be missing for long.
  ls "$directory" > /dev/null 2>&1
  [ ! -e "$base.end" ] || exit 0
  lease=
  { read -r lease < "$directory/lease"; } 2> /dev/null
  if [ "$lease" != "$seen" ]; then
    seen=$lease
    since=$SECONDS
  elif [ $((SECONDS - since)) -ge "$patience" ]; then
    # If it cannot be asked there may be jobs.
    if jobs=$("$flux" jobs -n -f pending,running -o '{id}' 2> /dev/null) && [ -z "$jobs" ]; then
      echo "maestro: nobody has driven the study for $patience s, and nothing runs: the allocation ends"
      exit 0
    fi
    # Asked again later, not at every look.
    since=$((SECONDS - patience + (patience < 30 ? 1 : 30)))
  fi
done
