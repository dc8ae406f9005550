import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { replay } from '../../../src/store/journal/replay.js';
import type { CrashedStudy } from './crashed-study.js';

/** What is wrong with a study that is over. */
export interface Findings {
  /** Steps whose script began more often than it may. */
  readonly ranTwice: number;
  /** Steps whose script did not run, or not to its end. */
  readonly lost: number;
  /** All that is wrong, for people. */
  readonly problems: readonly string[];
}

interface ReportedStep {
  readonly name: string;
  readonly step: string;
  readonly workspace: string;
  readonly state: string;
  readonly exitCode: number | null;
  readonly restarts: number;
  readonly dependsOn: readonly string[];
}

/** When a step's script began and ended, each time, in seconds. */
interface Runs {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/**
 * Looks at what a study left, step by step: whether each ran as often as it should, and after what it depends on; that what
 * the journal, status.csv and the report say is the same, and good.
 */
export function examine(study: CrashedStudy): Findings {
  const problems: string[] = [];
  let [ranTwice, lost] = [0, 0];
  const steps: readonly ReportedStep[] = study.report.steps;
  if (steps.length !== study.study.steps) problems.push(`the report has ${steps.length} steps`);
  const runs = new Map(steps.map((step) => [step.name, runsOf(study, step)]));
  for (const step of steps) {
    const { begins, ends } = runs.get(step.name)!;
    const allowed = study.study.begins(step.step, study.kills);
    const most = allowed.most + (study.died.get(step.workspace) ?? 0);
    if (begins.length > most) {
      ranTwice += 1;
      problems.push(`${step.name} ran ${begins.length} times, and may ${most} times`);
    }
    if (begins.length < allowed.least || (allowed.least > 0 && ends.length === 0)) {
      lost += 1;
      problems.push(`${step.name} began ${begins.length} times and ended ${ends.length} times`);
    }
    for (const name of step.dependsOn) {
      const firstEnd = runs.get(name)!.ends[0];
      if (begins.length > 0 && (firstEnd === undefined || firstEnd > begins[0]!)) {
        problems.push(`${step.name} began before ${name}, which it depends on, had ended`);
      }
    }
  }
  problems.push(...journalProblems(study, steps), ...statusProblems(study, steps));
  return { ranTwice, lost, problems };
}

function runsOf(study: CrashedStudy, { workspace }: ReportedStep): Runs {
  const name = `${workspace}/runs`;
  const lines = study.has(name) ? study.read(name).trimEnd().split('\n') : [];
  const times = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.slice(word.length + 1)));
  return { begins: times('begin'), ends: times('end') };
}

/** The journal can be read, and says of every step what the report says. */
function journalProblems(study: CrashedStudy, steps: readonly ReportedStep[]): string[] {
  const { plan, records, ended, isTorn } = replay(study.journal);
  if (isTorn) return ['the journal ends in the middle of a line'];
  if (ended?.status !== study.report.status) return [`the journal ends with ${ended?.status ?? 'nothing'}`];
  const names = plan?.steps.map(({ name }, i) => `${name} ${records[i]?.state}`) ?? [];
  return differences('the journal', names, states(steps));
}

function statusProblems(study: CrashedStudy, steps: readonly ReportedStep[]): string[] {
  const [, ...rows] = study.read('status.csv').split('\n');
  const names = rows.map((row) => {
    const [name, , , state] = row.split(',');
    return `${name} ${state}`;
  });
  return differences('status.csv', names, states(steps));
}

const states = (steps: readonly ReportedStep[]) => steps.map(({ name, state }) => `${name} ${state}`);

function differences(where: string, has: readonly string[], wanted: readonly string[]): string[] {
  const [there, expected] = [new Set(has), new Set(wanted)];
  return [
    ...[...expected].filter((line) => !there.has(line)).map((line) => `${where} does not have ${line}`),
    ...[...there].filter((line) => !expected.has(line)).map((line) => `${where} has ${line}`),
  ];
}

/** What is the same however often a study was resumed: how its steps ended, and all files of theirs. */
export interface Outcome {
  readonly status: string;
  readonly steps: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

/** What LSF adds to the output of a job: it has the job's id. */
const lsfReport = /\n-{60}\nSender: LSF System[\s\S]*$/;

/**
 * The outcome of a study. Outputs have the ids of jobs in their names, which are never the same, and jobs that came too late
 * leave empty ones: those of a step are taken together.
 */
export function outcomeOf(study: CrashedStudy): Outcome {
  const steps: readonly ReportedStep[] = study.report.steps;
  const files = new Map<string, string>();
  const outputs = new Map<string, Set<string>>();
  for (const name of filesOf(study.path)) {
    // When a step ran is not the same either.
    if (/^(\.conductor|logs)\/|^status\.csv$|\/runs$/.test(name)) continue;
    const text = study.read(name).replaceAll(study.path, 'STUDY');
    const output = /^(.*)\.[^./]+\.(out|err)$/.exec(name);
    if (output === null) files.set(name, text);
    else {
      const key = `${output[1]}.ID.${output[2]}`;
      const texts = outputs.get(key) ?? new Set();
      const own = text.replace(lsfReport, '');
      if (own !== '') texts.add(own);
      outputs.set(key, texts);
    }
  }
  for (const [key, texts] of outputs) files.set(key, [...texts].sort().join('\n---\n'));
  return {
    status: study.report.status,
    steps: steps.map(({ name, state, exitCode, restarts }) => `${name} ${state} ${exitCode} ${restarts}`),
    files,
  };
}

/** How an outcome differs from what it should be. */
export function compareOutcomes(outcome: Outcome, expected: Outcome): string[] {
  const problems = differences('the report', outcome.steps, expected.steps);
  if (outcome.status !== expected.status) problems.push(`the study is ${outcome.status}`);
  for (const name of new Set([...outcome.files.keys(), ...expected.files.keys()])) {
    const [has, wanted] = [outcome.files.get(name), expected.files.get(name)];
    if (has === wanted) continue;
    problems.push(
      has === undefined
        ? `there is no ${name}`
        : wanted === undefined
          ? `there is ${name}, which should not be there`
          : `${name} has ${JSON.stringify(has)} and not ${JSON.stringify(wanted)}`,
    );
  }
  return problems;
}

function filesOf(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(path.join(directory, name)).isFile(),
  );
}
