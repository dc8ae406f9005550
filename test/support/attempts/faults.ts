import { quote } from '../../../src/util/shell-quote.js';

/** What the supervisor of local steps, a waiter or a step to be is just about to do when something goes wrong. */
export const momentsOfStep = ['claim', 'write the claim', 'seal the claim', 'become the script'] as const;
export const momentsOfWaiter = ['write down the end', 'report the end'] as const;
export type Moment = (typeof momentsOfStep)[number] | (typeof momentsOfWaiter)[number];

/** The processes of an attempt. At the moments of a waiter there is no step any more. */
export type Victim = 'step' | 'waiter' | 'supervisor';

export interface Fault {
  /** Bash that is run in the process that has come to that moment. */
  readonly commands: string;
  readonly at: Moment;
}

/** Bash that sends a signal to processes of the attempt; the process that does it comes last. */
export function send(signal: 'KILL' | 'STOP', victims: readonly Victim[]): string {
  const pids = { supervisor: '$$', waiter: '${_maestro_nonce%%.*}', step: '$BASHPID' };
  const order: readonly Victim[] = ['supervisor', 'waiter', 'step'];
  return order.flatMap((one) => (victims.includes(one) ? [`kill -${signal} "${pids[one]}"`] : [])).join('; ');
}

/**
 * Lines of `setup` with which something goes wrong exactly at a moment, once in a study, which then has a file `faulted`.
 */
export function faultLines(study: string, { at, commands }: Fault): string {
  return momentLines(
    `[ "$1" = ${quote(at)} ] && command mkdir ${quote(`${study}/faulted`)} 2> /dev/null || return 0\n  ${commands}`,
  );
}

/** Lines of `setup` with which things go wrong again and again, one time in so many, at any moment. */
export function chanceLines(oneIn: number, faults: readonly string[]): string {
  const cases = faults.map((commands, i) => `    ${i}) ${commands} ;;`).join('\n');
  return momentLines(
    `((RANDOM % ${oneIn} == 0)) || return 0\n  case $((RANDOM % ${faults.length})) in\n${cases}\n  esac`,
  );
}

/**
 * Functions in place of the builtins with which the supervisor does what the moments are named after. They are told
 * apart by the function that calls.
 *
 * @param body what is done at each moment, which is its `$1`
 */
export function momentLines(body: string): string {
  return `_moment() {
  ${body}
}
cd() { [ "\${FUNCNAME[1]}" != _maestro_step ] || _moment claim; builtin cd "$@"; }
echo() {
  case \${FUNCNAME[1]} in
    _maestro_take) _moment 'write the claim' ;;
    _maestro_note_end) _moment 'write down the end' ;;
  esac
  builtin echo "$@"
}
read() {
  builtin read "$@" || return
  case \${FUNCNAME[1]} in
    _maestro_take) _moment 'seal the claim' ;;
    _maestro_note_end) _moment 'report the end' ;;
  esac
}
[() { [[ \${FUNCNAME[1]} != _maestro_step ]] || _moment 'become the script'; builtin [ "$@"; }
`;
}
