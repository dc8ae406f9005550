import { quote } from '../util/shell-quote.js';

/** The lease of a study as a command on the host saw it. */
export interface LeaseSight {
  /** The highest fencing number that was taken; 0 if none was. */
  readonly fence: number;
  /** Seconds since the lease last changed, by the clock of the host's file system. */
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

/** Lists the directory first: NFS may cache for long that a name does not exist, but a listing is up to date. */
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

/** Bash: looks once. @param token a unique name for a temporary file */
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

/** Bash: prints `ready` before anything that may hang, then the lease as the others do. */
export function confirmCommand(studyPath: string): string {
  return `echo ready\n${inDirectory(studyPath)}see\nsay\n`;
}

/** @param output of that command so far. @returns undefined while it is incomplete */
export function parseConfirmation(output: string): LeaseSight | undefined {
  const [, sight] = /^ready\n(.*\n.*\n)/.exec(output) ?? [];
  return sight === undefined ? undefined : parseSight(sight);
}

/** Bash: looks again and again until the lease has changed, or has not for `silenceMs`. */
export function watchCommand(studyPath: string, { fence, line }: LeaseSight, silenceMs: number): string {
  const pause = Math.min(1000, Math.max(50, Math.ceil(silenceMs / 10)));
  return `${inDirectory(studyPath)}
for ((looks = ${Math.max(1, Math.ceil(silenceMs / pause))}; looks > 0; looks--)); do
  sleep ${(pause / 1000).toFixed(3)}
  see
  [ "$fence" = ${fence} ] && [ "$line" = ${quote(line)} ] || break
done
say
`;
}

/**
 * Bash: takes a fencing number by a hard link, whose text says who has it, so that the command may be repeated after a lost
 * answer. The process that has it writes the lease and removes temporary files of earlier writers; another process prints
 * who has it.
 *
 * @param token unique to this process
 * @param line of the lease if this process gets it
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
  # Not if another process has taken a higher number since.
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
