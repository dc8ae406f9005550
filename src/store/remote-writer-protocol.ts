import { randomBytes } from 'node:crypto';
import { quote } from '../util/shell-quote.js';

/** The files that a clerk replaces, relative to the study directory. */
export type ReplacedFile = 'status.csv' | '.conductor/lease';

/** Where the journal is, relative to the study directory. */
export const journalPath = '.conductor/journal.jsonl';

/** Seconds from look to look at Maestro's lock files, and at who drives the study. */
const pause = 2;

/** TMOUT, which login shells of some sites have, would end a `read` that waits; this, in seconds, is as good as for ever. */
const forEver = 999_999_999;

/** What a clerk says, in a line each. */
export type WriterReport =
  /** It has begun. Nothing that may hang was looked at before. */
  | { readonly type: 'ready' }
  /** The first request that it has not answered is done. */
  | { readonly type: 'ok' }
  /** It could not be done. If that was an append the clerk has ended: nothing may overtake it. */
  | { readonly type: 'failed'; readonly words: string }
  /** Somebody else drives the study. The clerk has ended; `lease` is the line of whoever it is, '' if there is none yet. */
  | { readonly type: 'lost'; readonly lease: string }
  /** Maestro's lock files are there. They stay until the clerk is told to forget them. */
  | { readonly type: 'cancel' }
  | { readonly type: 'update'; readonly base64: string };

/** @returns undefined for a line that is none of a clerk's */
export function parseWriterReport(line: string): WriterReport | undefined {
  const [, type, rest = ''] = /^(\w+)(?: (.*))?$/.exec(line) ?? [];
  switch (type) {
    case 'ready':
    case 'ok':
    case 'cancel':
      return { type };
    case 'failed':
      return { type, words: rest };
    case 'lost':
      return { type, lease: rest };
    case 'update':
      return { type, base64: rest };
    default:
      return undefined;
  }
}

/**
 * Adds to the journal. It begins with a newline, always: what is there may end in the middle of a line, for somebody's
 * last words may have come in part, at any time: a full disk, a connection that broke an hour ago.
 */
export function appendRequest(text: string): Buffer {
  return withText('append', `\n${text}`);
}

export function replaceRequest(file: ReplacedFile, text: string): Buffer {
  return withText(`replace ${file}`, text);
}

/** Removes a lock file of Maestro's that was heard of. An update that has changed since is another one, and stays. */
export function forgetRequest(what: 'cancel' | 'update', base64: string): Buffer {
  return Buffer.from(`${bell}forget ${what} ${base64}\n`);
}

/**
 * What a request begins with. A `read` that is to wait for some time only may lose the byte that comes just when that is
 * over, so what it waits for is one that says nothing.
 */
const bell = '\n';

/** A line that says how many bytes follow, those, and a newline: without that one they are not all. */
function withText(words: string, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${bell}${words} ${body.length}\n`), body, Buffer.from('\n')]);
}

/**
 * The clerk: one command on the host, in bash (4.2 or later), by which a driver of a study writes the study's own files. It
 * takes requests from its input and answers each with a line, in order; at the end of its input it ends. Before each
 * request, and after it, it looks whether a later driver has come: then it writes no more. It also looks for Maestro's lock files, by
 * itself and without starting a process for it.
 *
 * What it writes, `dd` reads from the clerk's own input, for bash would take a system call for each byte. A `dd` that failed
 * may or may not have read: after that nobody knows where the next request begins, so the clerk ends.
 *
 * @param fence the fencing number of the driver
 * @param number of the clerk, among those of this driver: an earlier one may linger on a connection that broke
 */
export function remoteWriterText(studyPath: string, fence: number, number: number): string {
  const token = randomBytes(8).toString('hex');
  return `study=${quote(studyPath)}\nfence=${fence}\ntemporary=$study/.conductor/clerk-${fence}-${number}-${token}\n${program}`;
}

const program = `# What \`setup\` may have set is not meant for this.
set +aefuvxC +o posix
shopt -u failglob nocaseglob
unset GLOBIGNORE
export LC_ALL=C
fences=$study/.conductor/fences
cancel_lock=$study/.cancel.lock
update_lock=$study/.study.update.lock

# A name that was not there may be missing for long on NFS; a directory that was just read is up to date.
is_lost() {
  : "$fences"/*
  [ -e "$fences/$((fence + 1))" ]
}

lost() {
  local lease tries
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    lease=
    { IFS= read -r -t ${forEver} lease < "$study/.conductor/lease"; } 2> /dev/null
    # Who has come may not have come to write it yet.
    case $lease in '' | *"\\"fence\\":$fence,"*) sleep 0.2 ;; *) break ;; esac
  done
  echo "lost $lease"
  exit 0
}

failed() {
  words=\${words##*: }
  words=\${words//$'\\n'/ }
  echo "failed \${words:-$1}"
}

update_text() {
  { head -c 65536 < "$update_lock" | base64 | tr -d '\\n'; } 2> /dev/null
}

told_cancel=
told_update=
look() {
  ! is_lost || lost
  : "$study"/.c*
  if [ ! -e "$cancel_lock" ]; then
    told_cancel=
  elif [ -z "$told_cancel" ]; then
    told_cancel=1
    echo cancel
  fi
  if [ ! -s "$update_lock" ]; then
    told_update=
  else
    text=$(update_text)
    [ -z "$text" ] || [ "$text" = "$told_update" ] || echo "update $text"
    told_update=$text
  fi
}

# Takes the text of a request, of $1 bytes, from the input to file descriptor 5. $2: how \`dd\` is to convert it, if at all.
take() {
  words=$(command dd bs="$1" count=1 iflag=fullblock status=none \${2:+conv="$2"} 2>&1 >&5)
}

# Without its end a text is not whole.
is_whole() {
  local end
  IFS= read -r -t ${forEver} end && [ -z "$end" ]
}

append() {
  local opened= taken=
  words=
  { opened=1; take "$1" notrunc,fdatasync && taken=1; } 5>> "$study/${journalPath}"
  if [ -z "$taken" ]; then
    [ -n "$opened" ] || words=$({ : >> "$study/${journalPath}"; } 2>&1)
    failed 'it cannot be written'
    exit 0
  fi
  is_whole || exit 0
  # Who came while this was written may have read the journal without it.
  ! is_lost || lost
  echo ok
}

replace() {
  local opened= taken=
  words=
  { opened=1; take "$2" && taken=1; } 5> "$temporary"
  if [ -z "$opened" ]; then
    command dd bs="$2" count=1 iflag=fullblock status=none > /dev/null && is_whole || exit 0
    words=$({ : > "$temporary"; } 2>&1)
    failed 'it cannot be written'
  elif [ -z "$taken" ]; then
    failed 'it cannot be written'
    command rm -f -- "$temporary"
    exit 0
  elif ! is_whole; then
    command rm -f -- "$temporary"
    exit 0
  elif words=$(command mv -fT -- "$temporary" "$study/$1" 2>&1); then
    ! is_lost || lost
    echo ok
  else
    failed 'it cannot be moved to its place'
    command rm -f -- "$temporary"
  fi
}

forget() {
  if [ "$1" = cancel ]; then
    command rm -f -- "$cancel_lock" && told_cancel=
  elif [ "$(update_text)" = "$2" ]; then
    command rm -f -- "$update_lock" && told_update=
  else
    told_update=
  fi
  echo ok
}

echo ready
due=0
while :; do
  if ((SECONDS >= due)); then
    look
    ((due = SECONDS + ${pause}))
  fi
  line=
  IFS= read -r -t ${pause} line
  status=$?
  ((status == 0 || status > 128)) || exit 0
  if ((status > 128)) && [ -z "$line" ]; then
    due=0
    continue
  fi
  # The bell, or what came in part after one that was lost.
  if ((status > 128)) || [ -z "$line" ]; then
    IFS= read -r -t ${forEver} rest || exit 0
    line+=$rest
  fi
  ! is_lost || lost
  request=\${line%% *}
  rest=\${line#* }
  case $request in
    append) append "$rest" ;;
    replace) replace "\${rest% *}" "\${rest##* }" ;;
    forget) forget "\${rest%% *}" "\${rest#* }" ;;
    # Something is lost. Another clerk is sent it again.
    *) exit 0 ;;
  esac
done
`;
