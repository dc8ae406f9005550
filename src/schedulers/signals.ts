import { constants } from 'node:os';

const names = new Map<number, string>(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** The signal that an exit status of a shell speaks of (128 + N): `SIGKILL`; null if it speaks of none. */
export function signalOf(exitStatus: number): string | null {
  return exitStatus > 128 ? (names.get(exitStatus - 128) ?? null) : null;
}

/** `SIGKILL`; null for a number that is no signal. */
export function signalName(number: number): string | null {
  return names.get(number) ?? null;
}
