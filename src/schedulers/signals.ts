/** The signals of Linux, which the steps run on whatever we do, by number from 1. */
const names = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT ' +
  'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** `SIGKILL`; null for a number that is no signal. */
export function signalName(number: number): string | null {
  const name = names[number - 1];
  return name === undefined ? null : `SIG${name}`;
}

/** The signal that an exit status of a shell speaks of (128 + N): `SIGKILL`; null if it speaks of none. */
export function signalOf(exitStatus: number): string | null {
  return exitStatus > 128 ? signalName(exitStatus - 128) : null;
}
