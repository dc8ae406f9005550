import { type StepState, stepStates } from '../../study/state.js';
import { statusHeaders } from './versions.js';

/** A row of the status.csv that Maestro writes. Times are milliseconds since the epoch; null if there is none. */
export interface StatusRow {
  readonly name: string;
  /** The id of the last job; '' if there was none. */
  readonly jobId: string;
  readonly state: StepState;
  readonly submitted: number | null;
  readonly started: number | null;
  readonly ended: number | null;
  readonly restarts: number;
}

/**
 * Reads status.csv. Maestro does not quote values, so a row is found by the form of its times and the words of its state;
 * a row that is cut or has another form is left out, because the file may be read while it is written.
 *
 * @param offsetMinutes the host's offset from UTC: times in the file are the host's local times
 */
export function readStatus(text: string, offsetMinutes: number): StatusRow[] {
  const [header = '', ...lines] = text.split('\n');
  const layout = statusHeaders.find(({ columns }) => header.startsWith(columns));
  if (layout === undefined) return [];
  const beforeState = layout.hasJobId ? nameAndJob : nameAlone;
  return lines.flatMap((line) => {
    const [, before = '', state = '', , , start = '', submit = '', end = '', restarts = ''] =
      rowPattern.exec(line) ?? [];
    const known = stepStates.find((word) => word === state);
    if (known === undefined) return [];
    const [, name = '', jobId = ''] = beforeState.exec(before) ?? [];
    const time = (text: string) => parseTime(text, offsetMinutes);
    return [
      {
        name,
        jobId: jobId === '--' ? '' : jobId,
        state: known,
        ...{ submitted: time(submit), started: time(start), ended: time(end) },
        restarts: Number(restarts),
      },
    ];
  });
}

/** The columns before that of the state; a name, and a workspace, may have commas in them. */
const nameAndJob = /^(.*),([^,]*),[^,]*(?:\/.*)?$/;
const nameAlone = /^(.*),[^,]*(?:\/.*)?$/;

const duration = String.raw`(--:--:--|\d+d:\d+h:\d+m:\d+s)`;
const time = String.raw`(--|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)`;
const rowPattern = new RegExp(`^(.*),([A-Z]+),${duration},${duration},${time},${time},${time},(\\d+)(?:,.*)?$`);

function parseTime(text: string, offsetMinutes: number): number | null {
  const utc = text === '--' ? Number.NaN : Date.parse(`${text.replace(' ', 'T')}Z`);
  return Number.isNaN(utc) ? null : utc - offsetMinutes * 60_000;
}
