import { failuresOf } from '../report/attention.js';
import { reasonOf, type StepResult, type StudyResults } from '../report/results.js';
import { lookCloser } from '../report/tail-command.js';
import type { Problem } from '../spec/problem.js';
import { printable } from '../util/log/plain-text.js';

/** Something to say about a line of the spec. */
export interface Annotation {
  readonly level: 'failure' | 'warning';
  /** In the spec that ran. */
  readonly line: number;
  /** The step that it is about; undefined if it is about the line itself. */
  readonly step?: string;
  readonly title: string;
  readonly message: string;
  /** More, for whoever asks; '' for nothing. */
  readonly details: string;
}

export interface Annotations {
  readonly annotations: readonly Annotation[];
  /** What was left out, in sentences for people. */
  readonly cut: readonly string[];
}

/** What is more than people read, and than requests carry in the time there is at the end. */
export const mostAnnotations = 500;

/** So many failures of one step have one annotation each; more have one together. */
const mostOfStep = 100;

/** Of those that are told together so many are named. */
const mostNamed = 10;

/**
 * One annotation for each step instance that failed itself, then those of `more`, then the warnings about the spec. If
 * that is too much: failures only, then one for each step of the spec, then the first of them.
 */
export function annotationsOf(
  results: StudyResults,
  warnings: readonly Problem[],
  more: readonly Annotation[] = [],
): Annotations {
  const failed = failuresByStep(results);
  const failures = failed.flatMap((group) => annotationsOfStep(results, group, mostOfStep));
  const others = [...more, ...warnings.filter(({ at }) => at.file === results.spec).map(ofProblem)];
  const all = ranked([...failures, ...others]);
  if (all.length <= mostAnnotations) return { annotations: all, cut: [] };
  const cut =
    others.length === 0 ? [] : [`${count(others.length, 'warning')} left out, so that there is room for failures.`];
  if (failures.length <= mostAnnotations) return { annotations: ranked(failures), cut };
  const together = ranked(failed.flatMap((group) => annotationsOfStep(results, group, 1)));
  const tooMany = together.length - mostAnnotations;
  if (tooMany > 0) cut.push(`Failures of ${count(tooMany, 'step')} left out.`);
  return { annotations: together.slice(0, mostAnnotations), cut };
}

/** What is wrong with a spec that cannot be run. */
export function annotationsOfProblems(problems: readonly Problem[], spec: string): Annotations {
  const all = ranked(problems.filter(({ at }) => at.file === spec).map(ofProblem));
  const tooMany = all.length - mostAnnotations;
  return {
    annotations: all.slice(0, mostAnnotations),
    cut: tooMany > 0 ? [`${count(tooMany, 'problem')} left out.`] : [],
  };
}

/** Failures first; else in the order in which they are. */
function ranked(annotations: readonly Annotation[]): Annotation[] {
  const isFailure = ({ level }: Annotation) => level === 'failure';
  return [...annotations.filter(isFailure), ...annotations.filter((annotation) => !isFailure(annotation))];
}

/** Those that failed, the instances of a step together. */
function failuresByStep({ steps }: StudyResults): StepResult[][] {
  const groups = new Map<string, StepResult[]>();
  for (const result of failuresOf(steps)) {
    const group = groups.get(result.step.step);
    if (group === undefined) groups.set(result.step.step, [result]);
    else group.push(result);
  }
  return [...groups.values()];
}

function annotationsOfStep(results: StudyResults, group: readonly StepResult[], most: number): Annotation[] {
  return group.length <= most ? group.map((result) => ofInstance(results, result)) : [together(results, group)];
}

function ofInstance(results: StudyResults, result: StepResult): Annotation {
  const { step, record, errorTail } = result;
  return {
    level: record.tolerated ? 'warning' : 'failure',
    line: step.at.line,
    step: step.step,
    title: titleOf(result),
    message: [reasonOf(record), ...whereabouts(results, result)].map(printable).join('\n'),
    details: printable(errorTail ?? ''),
  };
}

function together(results: StudyResults, group: readonly StepResult[]): Annotation {
  const first = group[0]!;
  const { step } = first;
  const instances = results.steps.filter((result) => result.step.step === step.step).length;
  const named = group.slice(0, mostNamed).map(titleOf);
  const rest = group.length - named.length;
  return {
    level: group.every(({ record }) => record.tolerated) ? 'warning' : 'failure',
    line: step.at.line,
    step: step.step,
    title: `${step.step}: ${group.length} of ${instances} failed`,
    message: [
      ...named,
      ...(rest > 0 ? [`and ${rest} more`] : []),
      `Of the first, ${first.step.name}:`,
      ...whereabouts(results, first),
    ]
      .map(printable)
      .join('\n'),
    details: printable(first.errorTail ?? ''),
  };
}

/** `run_SIZE.10 failed: exit 3`. */
function titleOf({ step, record }: StepResult): string {
  const how = record.state === 'TIMEDOUT' ? 'ran out of time' : 'failed';
  const reason = reasonOf(record);
  return `${step.name} ${how}${reason === '' ? '' : `: ${reason}`}`;
}

function whereabouts(results: StudyResults, result: StepResult): string[] {
  const command = lookCloser(results, result);
  return [
    `${result.outputs === null ? 'It did not begin to run; its place is' : 'It ran on'} ${results.host} in ${results.path}/${result.step.workspace}`,
    ...(command === undefined ? [] : [`To look closer: ${command}`]),
  ];
}

function ofProblem({ severity, at, message, hint }: Problem): Annotation {
  return {
    level: severity === 'error' ? 'failure' : 'warning',
    line: at.line,
    title: severity === 'error' ? 'Error in the study' : 'Warning about the study',
    message: printable(hint === undefined ? message : `${message} (${hint})`),
    details: '',
  };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? ' was' : 's were'}`;
}
