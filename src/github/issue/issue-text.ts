import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { IssueChange } from '../../history/issue.js';
import { code, inline } from '../../report/markdown.js';
import type { GitHubRun, StudyResults } from '../../report/results.js';
import { summaryBeginning } from '../../report/summary.js';
import { counted, someOf } from '../../util/format.js';
import { firstLines } from '../bytes.js';

/** The most characters that GitHub takes as the body of an issue, or of a comment. */
const MAX_BODY = 65_536;
/** So much of it the names of what fails may have: of more it is not said what is new. */
const MAX_STATE = 16_000;
/** So much of a text may the names in a body be that others have written. */
const MAX_STATE_BYTES = 4 * 1024 * 1024;
const MAX_NAMES = 50;

/** What tells the issues of a repository apart: one for each study and branch. */
export interface IssueIdentity {
  readonly workflow: string;
  readonly branch: string;
  /** What tells the study from the others of the workflow: the name of its check run, and which leg of a matrix it is. */
  readonly study: string;
}

/** The first line of the issue's body, which is not shown. */
export function markerOf({ workflow, branch, study }: IssueIdentity): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([workflow, branch, study]))
    .digest('hex')
    .slice(0, 32);
  return `<!-- maestro-on-flux issue ${digest} -->`;
}

/** The branch that a ref names; the ref itself if it names none, such as a tag. */
export function branchOf(ref: string): string {
  return ref.replace(/^refs\/heads\//, '');
}

/** What failed, as a line of the body that is not shown; '' if that is too long. */
function stateLine(failing: readonly string[]): string {
  const packed = deflateRawSync(JSON.stringify([...failing].sort())).toString('base64url');
  return packed.length > MAX_STATE ? '' : `<!-- failing ${packed} -->\n`;
}

/** What failed when a body was written; null if it does not say so any more. */
export function failingIn(body: string): string[] | null {
  const packed = /^<!-- failing ([\w-]*) -->\r?$/m.exec(body)?.[1];
  if (packed === undefined) return null;
  try {
    const text = inflateRawSync(Buffer.from(packed, 'base64url'), { maxOutputLength: MAX_STATE_BYTES }).toString();
    const names: unknown = JSON.parse(text);
    const isNames = Array.isArray(names) && names.every((name) => typeof name === 'string');
    return isNames ? names : null;
  } catch {
    return null;
  }
}

export interface IssueFacts {
  readonly marker: string;
  readonly told: ToldNight;
  readonly run: GitHubRun;
  /** What fails, as the issue is to remember it. */
  readonly failing: readonly string[];
}

/** What an issue says of a run. */
export interface ToldNight {
  /** The spec's path, as it was given. */
  readonly spec: string;
  /** What it came to, as Markdown of at most so many bytes. */
  text(bytes: number): string;
  /** What is said when it closes the issue: how much has passed. */
  readonly passed: string;
}

/** A study that was run. */
export function toldResults(results: StudyResults): ToldNight {
  const { spec, steps } = results;
  return { spec, text: (bytes) => summaryBeginning(results, bytes), passed: counted(steps.length, 'step') };
}

/** A study that could not be run. @param reasons for people */
export function toldRefusal(spec: string, reasons: readonly string[]): ToldNight {
  const text = `The study cannot be run:\n\n${reasons.map((reason) => `- ${inline(reason)}`).join('\n')}`;
  return { spec, text: (bytes) => firstLines(text, bytes, '_The rest does not fit here._'), passed: '' };
}

/** The body: what the last run came to. */
export function issueBody({ marker, told, run, failing }: IssueFacts): string {
  const begin = [
    `${marker}\n${stateLine(failing)}`,
    `The last run of ${code(told.spec)} on ${code(branchOf(run.ref))}, ${runLink(run)}${ofCommit(run)}. `,
    'Each run rewrites this text, and comments when the set of failures changes; the first run that passes closes the issue.\n\n',
  ].join('');
  // Of what is left no character takes less than a byte.
  return begin + told.text(MAX_BODY - Buffer.byteLength(begin));
}

/** What has changed since the last comment, or the first body. */
export function changeComment({ added, gone }: IssueChange, run: GitHubRun): string {
  const names = (texts: readonly string[]) =>
    someOf(
      texts.map((text) => code(text)),
      MAX_NAMES,
    );
  const parts = [
    ...(added.length === 0
      ? []
      : [`${added.length === 1 ? 'Now failing' : `Now failing (${added.length})`}: ${names(added)}.`]),
    ...(gone.length === 0
      ? []
      : [`${gone.length === 1 ? 'No longer failing' : `No longer failing (${gone.length})`}: ${names(gone)}.`]),
  ];
  return `${parts.join('\n\n')}\n\n${runLink(run)}${ofCommit(run)}`.slice(0, MAX_BODY);
}

/** What is said when the issue is closed. */
export function closingComment({ passed }: ToldNight, run: GitHubRun): string {
  return `Everything passes: ${passed} in ${runLink(run)}${ofCommit(run)}.`;
}

const runLink = ({ url, event }: GitHubRun) => `[the run](${url}) (${inline(event)})`;
const ofCommit = ({ commit }: GitHubRun) => (commit === '' ? '' : ` of ${commit}`);
