import { clip, code, inline } from '../../report/markdown.js';
import { capitalized } from '../../util/format.js';
import { firstBytes, firstLines } from '../bytes.js';
import type { NewComment } from './comment-event.js';
import type { Refusal, WantedRun } from './decide.js';
import { usage } from './parse-command.js';

/** GitHub takes that many characters of a comment; bytes are never fewer. */
export const MAX_COMMENT_BYTES = 65_536;

/** What precedes the result, which takes its place later. */
const resultMark = '<!-- maestro-on-flux: result -->';

const answerMark = /^<!-- maestro-on-flux: answer to [0-9]+ -->/;

/** What an answer is known by: it is not shown. */
export function markerOf(comment: NewComment): string {
  return `<!-- maestro-on-flux: answer to ${comment.id} -->`;
}

/** Whether a comment is an answer of ours, by its text. */
export function isAnswer(body: string): boolean {
  return answerMark.test(body);
}

export interface AnswerContext {
  readonly comment: NewComment;
  /** The run's page. */
  readonly runUrl: string;
  /** The repository's page. */
  readonly repositoryUrl: string;
}

/** What is answered to a command that is run, before it has run. */
export function acceptedAnswer(run: WantedRun, { comment, runUrl, repositoryUrl }: AnswerContext): string {
  const commit = `[${run.sha.slice(0, 12)}](${repositoryUrl}/commit/${run.sha})`;
  const why = run.isNamed ? '' : ', the head of this pull request when the command was read';
  const details = [
    ...listed(
      'with',
      [...run.parameters].map(([name, values]) => `${name}=${values.join(',')}`),
    ),
    ...listed('on', run.machines),
  ];
  const intro = `${[`Study ${code(run.spec)}`, ...details].join(' ')} at ${commit}${why}; asked for by ${askedBy(comment)}. [The run](${runUrl})`;
  return withResult(`${markerOf(comment)}\n${intro}`, '⏳ Running. This comment is edited when the run ends.');
}

/** What is answered to a command that is not run. */
export function refusedAnswer({ reasons, showsUsage }: Refusal, { comment }: AnswerContext): string {
  const told = reasons.map((reason) => `- ${inline(sentence(reason))}`);
  const lines = [
    markerOf(comment),
    ...(reasons.length === 0 ? [] : [`Nothing runs for ${askedBy(comment)}:`, '', ...told]),
    ...(showsUsage ? ['', ...usageLines] : []),
  ];
  return firstLines(lines.join('\n'), MAX_COMMENT_BYTES, '');
}

/** What is answered if GitHub does not say what has to be known. */
export function failedAnswer({ comment, runUrl }: AnswerContext): string {
  return `${markerOf(comment)}\nNothing runs for ${askedBy(comment)}: the command could not be processed. [The run](${runUrl}) says why.`;
}

/**
 * The answer with the result of the run in it.
 *
 * @param body the answer as it is
 * @param result makes Markdown of at most so many bytes
 */
export function finishedAnswer(body: string, result: (bytes: number) => string): string {
  const [before = ''] = body.replaceAll('\r\n', '\n').split(resultMark);
  // A text that others have made longer must leave room for the result.
  const intro = firstBytes(before.trimEnd(), MAX_COMMENT_BYTES / 4);
  const room = MAX_COMMENT_BYTES - Buffer.byteLength(withResult(intro, ''));
  return withResult(intro, firstLines(result(room), room, ''));
}

/** The first few, so that there is room for the result. */
function listed(word: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, 10).map((item) => code(clip(item, 100)));
  const rest = items.length > shown.length ? ` and ${items.length - shown.length} more` : '';
  return [`${word} ${shown.join(', ')}${rest}`];
}

function withResult(intro: string, result: string): string {
  return `${intro}\n\n${resultMark}\n${result}`;
}

const usageLines = [
  `Write ${code(usage)} at the beginning of a line. All words but the first two can be left out:`,
  '',
  `- ${code('SPEC')}: the path of the study in the repository`,
  `- ${code('@SHA')}: the commit, by 7 or more digits of its id; pull requests of forks need it`,
  `- ${code('machine=NAME')}: where to run, one or more names with commas between them`,
  `- ${code('PARAMETER=VALUE')}: another value of a parameter, or more than one with commas between them`,
];

/** The author without a mention, which would notify them. */
function askedBy({ author, url }: NewComment): string {
  const name = inline(author.login);
  return url === '' ? name : `[${name}](${url})`;
}

function sentence(text: string): string {
  return `${capitalized(text)}${/[.?!]$/.test(text) ? '' : '.'}`;
}
