/** Where the initial program of allocations is, relative to the study directory; the same for all of them. */
export const initialProgramPath = '.conductor/allocation';

/** What a driver of the study changes for as long as it lives, relative to the study directory. */
export const leasePath = '.conductor/lease';

/** The files of an allocation, relative to the study directory. */
export function allocationFiles(number: number) {
  const base = `.conductor/allocation-${number}`;
  return {
    /** The address of its Flux instance, for as long as that lives. */
    uri: `${base}.uri`,
    /** What its job printed. */
    output: `${base}.out`,
    /** Made by whoever wants it to end. */
    end: `${base}.end`,
  } as const;
}

/** The words that start it within the instance. @param flux the path of the command */
export function initialProgramWords(studyPath: string, number: number, nodes: number, flux: string): readonly string[] {
  return [`${studyPath}/${initialProgramPath}`, String(number), String(nodes), flux];
}

/**
 * The first thing that runs in an allocation's Flux instance, which lives as long as this does. It writes down where the
 * instance is, and holds the allocation for whoever drives the study: a driver that is gone must not keep nodes from
 * others. Who drives changes the lease again and again; only that it changes is looked at, so that no clocks of two
 * machines are compared. Jobs that run go on to their end, driver or not: the next driver finds what they did.
 *
 * Environment, for tests: MAESTRO_ALLOCATION_PATIENCE, seconds without a driver; MAESTRO_ALLOCATION_INTERVAL, seconds from
 * look to look.
 */
export const initialProgramText = `#!/bin/bash
# Holds an allocation for the study that it belongs to. Usage: allocation NUMBER NODES FLUX
directory=\${0%/*}
base=$directory/allocation-$1
nodes=$2
flux=$3
patience=\${MAESTRO_ALLOCATION_PATIENCE:-600}
interval=\${MAESTRO_ALLOCATION_INTERVAL:-3}

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
uri=ssh://$(hostname)\${local#local://}

# Only our own: another allocation may have come in our stead.
forget() {
  local written
  { read -r written < "$base.uri"; } 2> /dev/null
  [ "$written" != "$uri" ] || rm -f -- "$base.uri"
}
trap forget EXIT
pause=
trap '[ -z "$pause" ] || kill "$pause" 2> /dev/null; exit 143' TERM INT HUP

echo "$uri" > "$base.uri.$$" && mv -f -- "$base.uri.$$" "$base.uri" || cannot "cannot write $base.uri"

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
`;
