import { quote } from '../util/shell-quote.js';

/** What the host says of who drives a study. */
export interface LeaseSight {
  /** The highest fencing number that is taken; 0 if none is. */
  readonly fence: number;
  /** Seconds, by the clock of the host's file system, since anything of it changed. */
  readonly age: number;
  /** The line in the lease; '' if there is none. */
  readonly line: string;
}

/** @param output of one of the commands below */
export function parseSight(output: string): LeaseSight {
  const [numbers = '', line = ''] = output.split('\n');
  const [fence = 0, age = 0] = numbers.split(' ').map(Number);
  return { fence, age, line };
}

/** A name that was not there may be missing for long on NFS; a directory that was just read is up to date. */
const functions = `set +aefuvxC +o posix
shopt -u failglob nocaseglob
unset GLOBIGNORE
see() {
  local name
  fence=0
  : ./*
  for name in fences/*; do
    name=\${name##*/}
    [[ $name =~ ^[1-9][0-9]*$ ]] && ((name > fence)) && fence=$name
  done
  line=
  { IFS= read -r -t 60 line < lease; } 2> /dev/null
}
newest() {
  local at
  for at in $(stat -c %Y -- "$@" 2> /dev/null); do ((at > newest)) && newest=$at; done
}
say() { printf '%s %s\\n%s\\n' "$fence" "\${age:-0}" "$line"; }
`;

const inDirectory = (studyPath: string) =>
  `cd -- ${quote(`${studyPath}/.conductor`)} && { [ -d fences ] || mkdir -p fences; } || exit\n${functions}`;

/** Looks, once. @param token a name of our own for a file that is there for a moment */
export function lookCommand(studyPath: string, token: string): string {
  const file = quote(`fences/.look-${token}`);
  return `${inDirectory(studyPath)}
: > ${file} || exit
see
newest=0; newest ${file}; now=$newest
newest=0; newest lease "fences/$fence"
rm -f -- ${file}
age=$((now - newest))
say
`;
}

/** Says that it has begun, before anything that may hang; then what it sees, as the others do. */
export function confirmCommand(studyPath: string): string {
  return `echo ready\n${inDirectory(studyPath)}see\nsay\n`;
}

/** @param output of that, as far as it has come; undefined if it is not whole */
export function parseConfirmation(output: string): LeaseSight | undefined {
  const [, sight] = /^ready\n(.*\n.*\n)/.exec(output) ?? [];
  return sight === undefined ? undefined : parseSight(sight);
}

/** Looks again and again, until something is not as it was seen, or nothing has changed for so many milliseconds. */
export function watchCommand(studyPath: string, { fence, line }: LeaseSight, silence: number): string {
  const pause = Math.min(1000, Math.max(50, Math.ceil(silence / 10)));
  return `${inDirectory(studyPath)}
for ((looks = ${Math.max(1, Math.ceil(silence / pause))}; looks > 0; looks--)); do
  sleep ${(pause / 1000).toFixed(3)}
  see
  [ "$fence" = ${fence} ] && [ "$line" = ${quote(line)} ] || break
done
say
`;
}

/**
 * Takes a fencing number: what the link says is whose it is, for an answer may have been lost, and this be done again.
 * Whoever has it writes the lease, and removes what clerks of earlier drivers had begun. Who has not looks whose it is,
 * after a moment if need be.
 *
 * @param token unlike that of anybody else
 * @param line of the lease, if we get it
 */
export function takeCommand(studyPath: string, fence: number, token: string, line: string): string {
  return `${inDirectory(studyPath)}
mine=fences/.${token}
echo ${quote(token)} > "$mine" || exit
problem=$(ln -- "$mine" fences/${fence} 2>&1)
rm -f -- "$mine"
owner=
{ read -r -t 60 owner < fences/${fence}; } 2> /dev/null
if [ -z "$owner" ]; then
  echo "\${problem:-fences/${fence} cannot be read}" >&2
  exit 1
fi
if [ "$owner" = ${quote(token)} ]; then
  see
  # Not if somebody has come since, and we only hear of it now.
  if [ "$fence" = ${fence} ]; then
    rm -f -- clerk-*
    printf '%s\\n' ${quote(line)} > "lease.$owner" && mv -fT -- "lease.$owner" lease || exit
    echo taken
    exit
  fi
fi
for tries in 1 2 3 4 5 6 7 8 9 10; do
  see
  case $line in *"\\"fence\\":$fence,"*) break ;; esac
  sleep 0.2
done
say
`;
}
