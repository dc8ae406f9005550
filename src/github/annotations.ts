import { parseDestination } from '../hosts/ssh/destination.js';
import { failuresOf } from '../report/attention.js';
import type { Comparison } from '../report/comparison.js';
import { type Finding, findingsOf } from '../report/findings.js';
import { byStep, reasonOf, type StepResult, type StudyResults } from '../report/results.js';
import type { Problem } from '../spec/problem.js';
import { oneLine, printable } from '../util/log/plain-text.js';
import { quoteAll } from '../util/shell-quote.js';
import { firstBytes, firstLines, lastLines } from './bytes.js';

/** Something to say about a line of the spec. */
export interface Annotation {
  readonly level: 'failure' | 'warning';
  /** In the spec that ran. */
  readonly line: number;
  /** The step that it is about; undefined if it is about the line itself. */
  readonly step?: string;
  readonly title: string;
  readonly message: string;
  /** Details, which GitHub shows on request; '' for none. */
  readonly details: string;
}

/** Where an annotation goes: a line, with a word about it if that is not where the trouble is. */
export interface PlacedLine {
  readonly line: number;
  readonly note?: string;
}

export interface Annotations {
  readonly annotations: readonly Annotation[];
  /** What was left out, in sentences for people. */
  readonly cut: readonly string[];
}

/** More than this nobody reads, and the requests for them would take too long at the end of a run. */
export const MAX_ANNOTATIONS = 500;

/** A step with more failures than this has one annotation for all of them. */
const MAX_PER_STEP = 100;

/** How many failures such an annotation names. */
const MAX_NAMED = 10;

/** What there is to say besides the results. */
export interface Extras {
  /** With an earlier run. */
  readonly comparison?: Comparison | undefined;
  /** About the spec. */
  readonly warnings?: readonly Problem[];
  /** Whether the check run is neutral: then nothing in it is red. */
  readonly isNeutral?: boolean;
}

/**
 * One annotation for each step instance that failed itself, then one for each finding, then the warnings about the spec. If
 * that is too much: failures only, then one for each step of the spec, then the first of them.
 */
export function annotationsOf(results: StudyResults, extras: Extras = {}): Annotations {
  const { annotations, cut } = fitting(results, extras);
  return {
    annotations: extras.isNeutral ? annotations.map((each) => ({ ...each, level: 'warning' })) : annotations,
    cut,
  };
}

function fitting(results: StudyResults, { comparison, warnings = [] }: Extras): Annotations {
  const failed = failuresByStep(results);
  const findings = findingsOf(results, comparison).map(ofFinding);
  const failures = [
    ...failed.flatMap((group) => annotationsOfStep(results, group, MAX_PER_STEP)),
    ...findings.filter(isFailure),
  ];
  const others = [
    ...findings.filter((finding) => !isFailure(finding)),
    ...warnings.filter(({ at }) => at.file === results.spec).map(ofProblem),
  ];
  const all = ranked([...failures, ...others]);
  if (all.length <= MAX_ANNOTATIONS) return { annotations: all, cut: [] };
  const cut = others.length === 0 ? [] : [`${count(others.length, 'warning')} left out, to make room for failures.`];
  if (failures.length <= MAX_ANNOTATIONS) return { annotations: ranked(failures), cut };
  const together = ranked([
    ...failed.flatMap((group) => annotationsOfStep(results, group, 1)),
    ...findings.filter(isFailure),
  ]);
  const left = together.slice(MAX_ANNOTATIONS);
  // Of what is found besides failed steps, only metrics fail a study.
  const areFindings = new Set(findings);
  const ofMetrics = left.filter((annotation) => areFindings.has(annotation)).length;
  if (left.length > ofMetrics) cut.push(`Failures of ${count(left.length - ofMetrics, 'step')} left out.`);
  if (ofMetrics > 0) cut.push(`${count(ofMetrics, 'metric failure')} left out.`);
  return { annotations: together.slice(0, MAX_ANNOTATIONS), cut };
}

/** What is wrong with a spec that cannot be run. */
export function annotationsOfProblems(problems: readonly Problem[], spec: string): Annotations {
  const all = ranked(problems.filter(({ at }) => at.file === spec).map(ofProblem));
  const tooMany = all.length - MAX_ANNOTATIONS;
  return {
    annotations: all.slice(0, MAX_ANNOTATIONS),
    cut: tooMany > 0 ? [`${count(tooMany, 'problem')} left out.`] : [],
  };
}

const isFailure = ({ level }: Annotation) => level === 'failure';

/** Failures first; else in the order in which they are. */
function ranked(annotations: readonly Annotation[]): Annotation[] {
  return [...annotations.filter(isFailure), ...annotations.filter((annotation) => !isFailure(annotation))];
}

/** Those that failed, the instances of a step together. */
function failuresByStep({ steps }: StudyResults): StepResult[][] {
  return [...byStep(failuresOf(steps)).values()];
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
  const named = group.slice(0, MAX_NAMED).map(titleOf);
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
    `${result.outputs === null ? 'It never started; its place is' : 'It ran on'} ${results.host} in ${results.path}/${result.step.workspace}`,
    ...(command === undefined ? [] : [`To look closer: ${command}`]),
  ];
}

function ofFinding({ severity, at, step, title, message }: Finding): Annotation {
  return { level: severity, line: at.line, step, title, message: printable(message), details: '' };
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

/**
 * The command by which a person sees the end of what a step said, wherever that person is: over SSH if the study is on
 * another machine. Undefined if the step said nothing, or no command can name its file.
 */
function lookCloser({ host, path }: StudyResults, { outputs }: StepResult): string | undefined {
  if (outputs === null) return undefined;
  try {
    const look = quoteAll(['tail', '-n', '100', `${path}/${outputs.stderr}`]);
    if (host === 'this machine') return look;
    const { user, name, port } = parseDestination(host, 'host');
    const login = user === undefined ? name : `${user}@${name}`;
    return quoteAll(['ssh', ...(port === undefined ? [] : ['-p', String(port)]), login, look]);
  } catch {
    return undefined;
  }
}

/** An annotation as GitHub's API takes it. */
export interface ApiAnnotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: 'failure' | 'warning';
  readonly title: string;
  readonly message: string;
  readonly raw_details?: string;
}

/** GitHub's limits: bytes of a text, and annotations in one request. */
export const limits = { title: 255, message: 64 * 1024, details: 64 * 1024, output: 65_535, annotations: 50 } as const;

/** For the texts of one request: larger ones take long to send, and some proxies refuse them. */
const MAX_REQUEST_BYTES = 512 * 1024;

/** @param path of the spec in the repository, with no `./` before it */
export function toApi(annotation: Annotation, { line, note }: PlacedLine, path: string): ApiAnnotation {
  const { level, title, message, details } = annotation;
  const text = note === undefined ? message : `${message}\n${note}`;
  return {
    path,
    start_line: line,
    end_line: line,
    annotation_level: level,
    title: firstBytes(oneLine(title), limits.title) || 'Study',
    message: firstLines(text, limits.message, '[the rest is cut off]') || '(nothing more is known)',
    ...(details.trim() === ''
      ? {}
      : { raw_details: lastLines(details, limits.details, '[what was before this is cut off]') }),
  };
}

/** Annotations in as many requests as they need, in their order. */
export function chunksOf(annotations: readonly ApiAnnotation[]): ApiAnnotation[][] {
  const chunks: ApiAnnotation[][] = [];
  let bytes = 0;
  for (const annotation of annotations) {
    const more = Buffer.byteLength(JSON.stringify(annotation));
    const last = chunks.at(-1);
    if (last === undefined || last.length === limits.annotations || bytes + more > MAX_REQUEST_BYTES) {
      chunks.push([annotation]);
      bytes = more;
    } else {
      last.push(annotation);
      bytes += more;
    }
  }
  return chunks;
}
