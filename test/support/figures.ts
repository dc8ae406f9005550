import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HistoryRun } from '../../src/history/record.js';
import type { Host } from '../../src/hosts/host.js';
import { readMetrics } from '../../src/metrics/read.js';
import type { StudyResults } from '../../src/report/results.js';
import { figuresOf } from '../../src/run/figures/figures.js';
import { Source } from '../../src/spec/source.js';
import { plainHost } from './hosts.js';
import { ran, resultsOf, start, type Told } from './results.js';
import { temporaryDirectory } from './temporary.js';

/** When a night's study begins and ends, and how long a day is: milliseconds. */
const DAY_MS = 86_400_000;

/** An instance of the step `run`, and what it printed. */
export interface Printed extends Partial<Told> {
  readonly size: number;
  readonly says: string;
  /** How long it ran, in milliseconds. */
  readonly time?: number;
}

/** A study in a directory of this machine, whose instances have run and printed something; and its history. */
export class NightlyStudy {
  readonly path = temporaryDirectory();
  readonly root = path.join(temporaryDirectory(), 'history');
  readonly warnings: string[] = [];
  readonly run: HistoryRun = {
    ...{ repository: 'octo/app', workflow: 'nightly.yml', spec: 'study.yaml', branch: 'main', leg: '' },
    ...{ commit: '', event: 'schedule', url: '', attempt: 1 },
  };

  /** The results of the study on a day, as they are before its outputs are looked at. */
  results(instances: readonly Printed[], night = 0): StudyResults {
    const told = instances.map(({ size, says: _, time = 60_000, ...more }) => ({
      ...{ name: `run_SIZE.${size}`, step: 'run', params: { SIZE: `${size}` }, workspace: `run/SIZE.${size}` },
      outputs: { stdout: `run/SIZE.${size}/run_SIZE.${size}.1.out`, stderr: `run/SIZE.${size}/run_SIZE.${size}.1.err` },
      record: ran(time),
      ...more,
    }));
    for (const [i, { says }] of instances.entries()) this.write(told[i]!.outputs?.stdout ?? '', says);
    const began = start + night * DAY_MS;
    return resultsOf(told, { path: this.path, started: began, ended: began + 3_600_000 });
  }

  /** A file of the study. */
  write(name: string, text: string): void {
    if (name === '') return;
    mkdirSync(path.dirname(path.join(this.path, name)), { recursive: true });
    writeFileSync(path.join(this.path, name), text);
  }

  /** What outputs and history say; the study becomes a part of the history unless the test says otherwise. */
  async judge(
    results: StudyResults,
    metrics: string,
    {
      run = {},
      isWritten = true,
      night = 0,
      host = plainHost(),
    }: { run?: Partial<HistoryRun>; isWritten?: boolean; night?: number; host?: Host } = {},
  ): Promise<StudyResults> {
    const { metrics: read, problems } = readMetrics(new Source('metrics', metrics));
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join());
    const tell = (line: string) => this.warnings.push(line);
    const url = `https://github.invalid/octo/app/actions/runs/${night}`;
    const commit = String(night).padStart(40, 'a');
    const { results: judged, keep } = await figuresOf(
      {
        ...{ host, log: { info: () => {}, warning: tell }, metrics: read, slowerThan: 25 },
        history: {
          root: this.root,
          run: { ...this.run, url, commit, ...run },
          isWritten,
          server: 'https://github.invalid',
        },
      },
      results,
    );
    await keep();
    return judged;
  }
}
