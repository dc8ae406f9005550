import { readSpec } from '../../spec/read.js';
import { Source } from '../../spec/source.js';
import { closest } from '../../util/closest.js';
import { someOf } from '../../util/format.js';
import type { Origin } from '../event.js';
import type { NewComment } from './comment-event.js';
import type { CommentsApi, Reaction } from './comments-api.js';
import { type ParsedComment, plainPath, type StudyCommand } from './parse-command.js';

/** What the workflow has for commands. */
export interface Offer {
  /** The spec of commands that name none; '' if they have to. */
  readonly spec: string;
  /** The names of the places to run; empty if there is no choice. */
  readonly machines: readonly string[];
}

/** A run that a person with write permission has asked for. */
export interface WantedRun {
  readonly kind: 'run';
  readonly spec: string;
  /** The commit: all of its id. */
  readonly sha: string;
  /** Whether the command named it. */
  readonly isNamed: boolean;
  readonly origin: Origin;
  readonly machines: readonly string[];
  readonly parameters: StudyCommand['parameters'];
}

/** Why nothing runs. */
export interface Refusal {
  readonly kind: 'refused';
  readonly reaction: Exclude<Reaction, 'eyes'>;
  /** Sentences without their full stops. They have the comment's own text in them. */
  readonly reasons: readonly string[];
  /** Whether what can be written is worth telling. */
  readonly showsUsage: boolean;
}

/** GitHub's names of permissions with which one may push: who may do that can run code in workflows anyway. */
const writing: readonly string[] = ['write', 'maintain', 'admin'];

/**
 * Whether what a comment asks for is run, and on which commit. The permission comes first: others learn nothing but that they have none.
 *
 * @throws ApiError if GitHub does not say what has to be known
 */
export async function decide(
  parsed: ParsedComment,
  comment: NewComment,
  offer: Offer,
  api: CommentsApi,
): Promise<WantedRun | Refusal> {
  const permission = await api.permissionOf(comment.author);
  if (!writing.includes(permission)) {
    const theirs = permission === 'none' ? 'you have none' : `yours is '${permission}'`;
    return refused('-1', [`commands are for people with write permission to this repository, and ${theirs}`]);
  }
  if (!comment.isOnPullRequest) {
    return refused('confused', ['this is an issue: a command is a comment on the pull request whose study is to run']);
  }
  if (parsed.kind === 'help') return { ...refused('confused', []), showsUsage: true };
  if (parsed.kind === 'mistakes') return { ...refused('confused', parsed.mistakes), showsUsage: true };
  const { command } = parsed;
  const reasons = [...unknownMachines(command.machines, offer.machines)];
  const spec = command.spec ?? plainPath(offer.spec);
  if (spec === undefined) {
    reasons.push(
      offer.spec === ''
        ? 'the command must name a spec: this workflow has none of its own'
        : `the workflow's own spec, '${offer.spec}', is not the path of a file in the repository`,
    );
  }
  const { sha, origin } = await api.head(comment.issue);
  reasons.push(...wrongCommit(command.sha, sha, origin));
  // Nothing is read of a commit that nobody has named.
  if (reasons.length === 0 && spec !== undefined) reasons.push(...(await wrongSpec(spec, sha, command, api)));
  if (spec === undefined || reasons.length > 0) return refused('confused', reasons);
  const machines = command.machines.length > 0 ? command.machines : offer.machines;
  const { parameters } = command;
  return { kind: 'run', spec, sha, isNamed: command.sha !== undefined, origin, machines, parameters };
}

function refused(reaction: Refusal['reaction'], reasons: readonly string[]): Refusal {
  return { kind: 'refused', reaction, reasons, showsUsage: false };
}

function unknownMachines(wanted: readonly string[], known: readonly string[]): string[] {
  return wanted
    .filter((name) => !known.includes(name))
    .map((name) =>
      known.length === 0
        ? `there is no machine '${name}': this workflow has only one place to run`
        : `there is no machine '${name}' (${meant(name, known, 'there is')})`,
    );
}

/** Of code that others have written, a person says which they have read. */
function wrongCommit(named: string | undefined, head: string, origin: Origin): string[] {
  if (named !== undefined) {
    if (head.startsWith(named)) return [];
    return [
      `the head of this pull request is ${head.slice(0, 12)} now, not ${named.slice(0, 12)}: read what is new, then name that commit`,
    ];
  }
  if (origin.kind === 'own') return [];
  const whose = origin.kind === 'fork' && origin.repository !== '' ? `a fork, ${origin.repository}` : 'a fork';
  return [
    `this pull request is of ${whose}, and its study can run any command: read it, and name the commit that you have read, as in '/study run @1234abc'`,
  ];
}

async function wrongSpec(spec: string, sha: string, { parameters }: StudyCommand, api: CommentsApi): Promise<string[]> {
  const file = await api.file(spec, sha);
  const at = sha.slice(0, 12);
  if (file.kind === 'directory') return [`'${spec}' is not a file at ${at}`];
  if (file.kind === 'absent') {
    return [`there is no file '${spec}' at ${at} (or the workflow may not read it: that takes 'contents: read')`];
  }
  if (file.kind !== 'text' || parameters.size === 0) return [];
  // What is wrong with the spec itself, the run tells.
  const known = readSpec(new Source(spec, file.text)).spec?.parameters.map(({ key }) => key);
  if (known === undefined) return [];
  return [...parameters.keys()]
    .filter((name) => !known.includes(name))
    .map((name) =>
      known.length === 0
        ? `the study has no parameter '${name}': it has none at all`
        : `the study has no parameter '${name}' (${meant(name, known, 'it has')})`,
    );
}

function meant(name: string, known: readonly string[], thereIs: string): string {
  const guess = closest(name, known);
  return guess === undefined ? `${thereIs} ${someOf(known)}` : `did you mean '${guess}'?`;
}
