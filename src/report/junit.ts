import { isInfrastructure } from '../causes/cause.js';
import { isFailure, isOver, isSkipped, lastJob } from '../study/state.js';
import { groupBy } from '../util/group-by.js';
import { oneLine, printable } from '../util/log/plain-text.js';
import { sumOfNodeHours } from './causes.js';
import { titleOf } from './metrics/outcome.js';
import { type MetricRow, unitSuffix } from './metrics/rows.js';
import { byStep, lastWords, reasonOf, type StepResult, type StudyResults } from './results.js';
import { runTimeOf } from './run-time.js';

/** What a reader of JUnit's format makes of an instance. */
type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failure' | 'error'; readonly type: string; readonly message: string; readonly text: string }
  | { readonly kind: 'skipped'; readonly message: string };

/** A test suite. */
export interface Suite {
  readonly name: string;
  readonly package: string;
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly hostname: string;
  readonly properties: Properties;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  readonly classname: string;
  /** Milliseconds. */
  readonly time: number;
  /** Where the spec defines it; undefined of what is none of its steps. */
  readonly at?: { readonly file: string; readonly line: number };
  readonly properties?: Properties;
  readonly verdict: Verdict;
}

/** Those that are '' are left out. */
type Properties = Readonly<Record<string, string>>;

/** The text of junit.xml: a test suite for each step of the spec, a test case for each of its instances. */
export function junitXml(results: StudyResults): string {
  return suitesXml(
    [...byStep(results.steps).values()].map((steps) => {
      const { step, at } = steps[0]!.step;
      const suite = suiteOf(results, steps, step);
      return { ...suite, properties: { ...suite.properties, place: `${results.spec}:${at.line}` } };
    }),
  );
}

/**
 * It has what the schemas of Ant and of Jenkins' xunit plugin allow: so no attributes on `testsuites`, no output in a
 * test case, and times without a zone (they are UTC). A test case has `file`, `line` and properties besides, as pytest
 * writes them, which both schemas lack and readers of results show.
 */
export function suitesXml(suites: readonly Suite[]): string {
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites.map(suiteXml), '</testsuites>', ''].join(
    '\n',
  );
}

/** A suite of instances. Jenkins groups test cases by what is before the last dot of `within` and the step's name, and shows what follows it. */
export function suiteOf(
  results: StudyResults,
  steps: readonly StepResult[],
  name: string,
  within = results.name,
): Suite {
  const metrics = groupBy(results.metrics ?? [], ({ step }) => step.name);
  const starts = steps.flatMap(({ record }) => record.started ?? record.submitted ?? []);
  return {
    name,
    package: results.name,
    began: starts.reduce((first, time) => Math.min(first, time), starts[0] ?? results.started),
    hostname: results.host,
    properties: {
      study: results.name,
      status: results.status,
      directory: results.path,
      scheduler: results.scheduler,
      cause: results.blame?.cause ?? '',
      'node-hours': exactHours(sumOfNodeHours(steps)),
    },
    cases: steps.map((result) => ({
      name: result.step.name,
      classname: `${within}.${result.step.step}`,
      // Of a job that still runs, the time that it has run so far.
      time: runTimeOf(lastJob(result.record), results.ended) ?? 0,
      at: { file: results.spec, line: result.step.at.line },
      ...propertiesOf(result, metrics.get(result.step.name)),
      verdict: metricVerdict(result, results, metrics.get(result.step.name)) ?? verdictOf(result, results),
    })),
  };
}

/** What is known of an instance besides its verdict: of most nothing is. */
function propertiesOf(
  { blame, record, nodeHours }: StepResult,
  metrics: readonly MetricRow[] = [],
): Pick<Case, 'properties'> {
  const { nodes = [] } = lastJob(record) ?? {};
  if (blame == null && nodes.length === 0 && nodeHours === undefined && metrics.length === 0) return {};
  return {
    properties: {
      cause: blame?.cause ?? '',
      nodes: nodes.join(' '),
      'node-hours': exactHours(nodeHours),
      ...metricProperties(metrics),
    },
  };
}

/** What was read from the outputs of an instance: `metric.time` is `3.5 s`. */
function metricProperties(metrics: readonly MetricRow[]): Properties {
  const known = metrics.filter(({ verdict }) => verdict.value !== null);
  return Object.fromEntries(
    known.map(({ metric, verdict }) => [`metric.${metric.name}`, `${verdict.value}${unitSuffix(metric)}`]),
  );
}

/** For programs: a number of hours with as many digits as say something. */
const exactHours = (hours: number | undefined) => (hours === undefined ? '' : String(Number(hours.toPrecision(6))));

function suiteXml(suite: Suite, id: number): string {
  const { cases } = suite;
  const count = (kind: Verdict['kind']) => String(cases.filter(({ verdict }) => verdict.kind === kind).length);
  const attributes = {
    id: String(id),
    name: nameOf(suite.name),
    package: nameOf(suite.package),
    timestamp: new Date(suite.began).toISOString().slice(0, 19),
    hostname: nameOf(suite.hostname),
    tests: String(cases.length),
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(cases.reduce((sum, { time }) => sum + time, 0)),
  };
  return [
    ` <testsuite${attributesXml(attributes)}>`,
    ...propertiesXml(suite.properties, '  '),
    ...cases.map(caseXml),
    '  <system-out/>',
    '  <system-err/>',
    ' </testsuite>',
  ].join('\n');
}

function propertiesXml(properties: Properties, indent: string): string[] {
  const lines = Object.entries(properties).filter(([, value]) => value !== '');
  return [
    `${indent}<properties>`,
    ...lines.map(([name, value]) => `${indent} <property${attributesXml({ name, value })}/>`),
    `${indent}</properties>`,
  ];
}

function caseXml({ name, classname, time, at, properties, verdict }: Case): string {
  const attributes = attributesXml({
    name: nameOf(name),
    classname: nameOf(classname),
    ...(at !== undefined && at.file !== '' && { file: at.file, line: String(at.line) }),
    time: seconds(time),
  });
  const isAny = properties !== undefined && Object.values(properties).some((value) => value !== '');
  const content = isAny ? [...propertiesXml(properties, '   '), ...verdictXml(verdict)] : verdictXml(verdict);
  if (content.length === 0) return `  <testcase${attributes}/>`;
  return [`  <testcase${attributes}>`, ...content, '  </testcase>'].join('\n');
}

function verdictXml(verdict: Verdict): string[] {
  if (verdict.kind === 'passed') return [];
  if (verdict.kind === 'skipped') return [`   <skipped${attributesXml({ message: verdict.message })}/>`];
  const { kind, type, message, text } = verdict;
  return [`   <${kind}${attributesXml({ type, message })}>${escapeXml(text)}</${kind}>`];
}

function verdictOf(result: StepResult, results: StudyResults): Verdict {
  const { step, record, outputs } = result;
  if (record.state === 'DRYRUN') return { kind: 'skipped', message: 'a dry run: it was staged only' };
  const place = `${results.spec}:${step.at.line}`;
  // A step that is not over has no verdict. Skipped, it would let a study that was cut short look as if it had passed.
  if (!isOver(record)) {
    const message = `${record.state} when the study was interrupted`;
    return { kind: 'error', type: 'INTERRUPTED', message, text: [place, results.interruption].join('\n').trimEnd() };
  }
  if (isSkipped(record)) return { kind: 'skipped', message: oneLine(reasonOf(record)) || 'it was not run' };
  if (record.state === 'CANCELLED') return { kind: 'skipped', message: oneLine(record.reason) || 'cancelled' };
  if (!isFailure(record.state)) return { kind: 'passed' };
  const reason = oneLine(reasonOf(record)) || record.state.toLowerCase();
  // A failure that may be must not fail a check, but did not pass either: readers show why a test was skipped.
  if (record.tolerated) return { kind: 'skipped', message: reason };
  const text = [place, ...(outputs === null ? [] : [`${results.path}/${outputs.stderr}`]), lastWords(result)].join(
    '\n',
  );
  // A reader tells apart what a test found and what kept it from being run.
  const isOfSite = result.blame != null && isInfrastructure(result.blame);
  return { kind: isOfSite ? 'error' : 'failure', type: record.state, message: reason, text };
}

/** A step that FINISHED has failed if one of its metrics fails the study; undefined if none does. */
function metricVerdict(
  { step }: StepResult,
  { spec }: StudyResults,
  metrics: readonly MetricRow[] = [],
): Verdict | undefined {
  const failing = metrics.filter(({ verdict }) => verdict.severity === 'failure');
  if (failing.length === 0) return undefined;
  const lines = failing.flatMap((row) => [`${titleOf(row)}: ${row.verdict.reason}`, row.verdict.line]);
  const text = [`${spec}:${step.at.line}`, ...lines.filter((line) => line !== '')].join('\n');
  return { kind: 'failure', type: 'METRIC', message: lines[0]!, text };
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** A name: the schemas want one that is more than blanks. */
function nameOf(text: string): string {
  return oneLine(text).trim() || 'unnamed';
}

function attributesXml(attributes: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name in attributes) text += ` ${name}="${escapeXml(oneLine(attributes[name]!))}"`;
  return text;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
};

/** Text that XML 1.0 can hold: of the characters that it cannot, none is left, not even as a reference. */
function escapeXml(text: string): string {
  if (/^[\w.,:;/ -]*$/.test(text)) return text;
  return printable(text)
    .replace(/[\ud800-\udfff\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"\t]/g, (character) => entities[character]!);
}
