import { inSeries } from '../util/format.js';
import type { Flag } from './flags.js';

/** Flags of `maestro run` that no input stands for. */
export const maestroFlags: readonly Flag[] = [
  { name: 'autoyes', short: 'y', description: 'No effect: nothing is asked.' },
  {
    name: 'autono',
    short: 'n',
    description:
      "Stage everything and run nothing, as when Maestro's question whether to launch is answered no: `--dry-run`.",
  },
  { name: 'fg', description: 'No effect: the study always runs in the foreground.' },
  { name: 'usetmp', description: 'Refused: jobs and later runs need the scripts, which stay in the study directory.' },
];

/** Names of flags of Maestro that are no inputs. */
const names: ReadonlySet<string> = new Set(maestroFlags.map(({ name }) => name));

export interface TakenFlags {
  /** The values that are inputs. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly errors: readonly string[];
  /** What has another effect than a user of Maestro may expect, a sentence each. */
  readonly notes: readonly string[];
}

/** Carries out the flags of Maestro that are no inputs, and takes them out. */
export function takeMaestroFlags(given: ReadonlyMap<string, readonly string[]>): TakenFlags {
  const values = new Map([...given].filter(([name]) => !names.has(name)));
  const isOn = (name: string) => given.get(name)?.at(-1) === 'true';
  const errors: string[] = [];
  const notes: string[] = [];
  if (isOn('usetmp')) {
    errors.push(
      '--usetmp is refused: jobs and later runs need the scripts, which are always in the study directory; leave it out',
    );
  }
  if (isOn('autoyes') && isOn('autono')) errors.push('-y and -n contradict each other: give one of them');
  else if (isOn('autono')) {
    values.set('dry-run', ['true']);
    notes.push("-n answers no to Maestro's question whether to launch the study: this is a dry run");
  }
  const ofNoEffect: [flag: string, why: string][] = [
    ...(isOn('fg') ? [['-fg', 'studies run in the foreground'] as [string, string]] : []),
    ...(isOn('autoyes') ? [['-y', 'nothing is asked'] as [string, string]] : []),
  ];
  // Without a conductor of Maestro's there is nothing that sleeps.
  if (values.has('sleeptime') && values.get('conductor')?.at(-1) !== 'maestro') {
    values.delete('sleeptime');
    ofNoEffect.push(['--sleeptime', 'ends of jobs are seen at once']);
  }
  if (ofNoEffect.length > 0) {
    const [flags, reasons] = [ofNoEffect.map(([flag]) => flag), ofNoEffect.map(([, why]) => why)];
    notes.push(`${inSeries(flags)} ${flags.length === 1 ? 'has' : 'have'} no effect: ${inSeries(reasons)}`);
  }
  if (isOn('autoyes') && values.has('output-path')) {
    notes.push('with -y Maestro removes a study that is in its output path; here it is continued (--resume)');
  }
  return { values, errors, notes };
}

/** Flags of `maestro` that come before the verb; those that are true take a value. */
const globalFlags: ReadonlyMap<string, boolean> = new Map([
  ['-l', true],
  ['--logpath', true],
  ['-d', true],
  ['--debug_lvl', true],
  ['-c', false],
  ['--logstdout', false],
]);

/** The arguments without what Maestro takes before its verb, all of which is about its log. */
export function withoutGlobalFlags(all: readonly string[]): { args: readonly string[]; notes: readonly string[] } {
  const args = [...all];
  const taken: string[] = [];
  for (let first = args[0]; first !== undefined; first = args[0]) {
    const name = first.split('=')[0]!;
    const takesValue = globalFlags.get(name);
    if (takesValue === undefined) break;
    taken.push(name);
    args.splice(0, takesValue && name === first ? 2 : 1);
  }
  if (taken.length === 0) return { args, notes: [] };
  const verb = taken.length === 1 ? 'has' : 'have';
  const why = 'the log is always on the terminal and in the study directory';
  return { args, notes: [`${inSeries(taken)} ${verb} no effect: ${why}`] };
}
