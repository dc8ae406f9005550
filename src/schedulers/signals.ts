/** The signals of Linux by number, from 1; steps run on Linux even if this program does not. */
const names = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT ' +
  'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** The name of a signal: `SIGKILL`; null for a number that is not a signal. */
export function signalName(number: number): string | null {
  const name = names[number - 1];
  return name === undefined ? null : `SIG${name}`;
}

/** The signal in a shell's exit status (128 + N): `SIGKILL`; null if there is none. */
export function signalOf(exitStatus: number): string | null {
  return exitStatus > 128 ? signalName(exitStatus - 128) : null;
}
