import { programs } from '../generated/programs.js';
import { quoteAll } from '../util/shell-quote.js';
import type { Entry, Ownership, Role } from './ownership.js';
import { journalPath } from './study-writer.js';

/** Fields of an entry, each with a NUL after it. */
const FIELDS = 12;

/** Bash that tells who may change what a study directory leads to: the text of ownership.sh. */
export function ownershipCommand(studyPath: string): string {
  const own = ['.conductor', journalPath].map((name) => `${studyPath}/${name}`);
  return `${programs['store/ownership.sh']}maestro_ownership ${quoteAll([studyPath, ...own])} 2> /dev/null\n`;
}

/** Splits what that prints from what was printed after it. @returns undefined if it is not whole */
export function parseOwnership(output: Buffer): { readonly ownership: Ownership; readonly rest: Buffer } | undefined {
  let at = 0;
  const next = () => {
    const end = output.indexOf(0, at);
    if (end === -1) return undefined;
    const field = output.toString('utf8', at, end);
    at = end + 1;
    return field;
  };
  const uid = Number(next());
  const paths: Entry[][] = [];
  for (let word = next(); word !== 'end'; word = next()) {
    if (word === undefined) return undefined;
    if (word === 'path') {
      paths.push([]);
      continue;
    }
    const fields = Array.from({ length: FIELDS - 1 }, next);
    if (fields.includes(undefined)) return undefined;
    paths.at(-1)?.push(toEntry([word, ...(fields as string[])]));
  }
  return { ownership: { uid, paths }, rest: output.subarray(at) };
}

function toEntry(fields: readonly string[]): Entry {
  const [role, path, uid, gid, mode, owner, group, user, members, others, acl, home] = fields as unknown as string[];
  return {
    role: role as Role,
    path: path!,
    uid: Number(uid),
    gid: Number(gid),
    mode: Number.parseInt(mode!, 16),
    owner: owner!,
    group: group!,
    user: user!,
    // `name:x:gid:one,two`
    members: [...(members!.split(':')[3] ?? '').split(',').map((name) => name.trim()), ...others!.split(' ')].filter(
      (name) => name !== '',
    ),
    hasAcl: acl!.endsWith('+'),
    homeOwner: home === '' ? undefined : Number(home),
  };
}
