/** `parent`: on the way to a study directory. `study`: that directory. `own`: what this program has in it. */
export type Role = 'parent' | 'study' | 'own';

/** A name in a path. */
export interface Entry {
  readonly role: Role;
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** `st_mode`, the file's type included. */
  readonly mode: number;
  /** Names, or UNKNOWN. */
  readonly owner: string;
  readonly group: string;
  /** Of what its group may write: who we are, and who else is known to be in the group. */
  readonly user: string;
  readonly members: readonly string[];
  /** Whether an access control list lets others in besides. */
  readonly hasAcl: boolean;
  /** Of what is neither ours nor root's: whose the user's home is. Undefined if that is not known. */
  readonly homeOwner: number | undefined;
}

/** Who may change what a study directory leads to. */
export interface Ownership {
  /** Who we are. */
  readonly uid: number;
  /** Each from the file system's root; the first is the study directory's, the others are where symbolic links lead. */
  readonly paths: readonly (readonly Entry[])[];
}

const isLink = ({ mode }: Entry) => mode >> 12 === 0o12;
const isSticky = ({ mode }: Entry) => (mode & 0o1000) !== 0;
const mayEveryoneWrite = ({ mode }: Entry) => (mode & 0o002) !== 0;
const mayGroupWrite = ({ mode }: Entry) => (mode & 0o020) !== 0;

/**
 * Judges as OpenSSH does with StrictModes: whoever may write where a study is, or on the way to it, could put another in its
 * place, and what it says, and runs, would be theirs.
 *
 * @param isShared whether the members of a group are trusted who may write there
 * @returns what is wrong, in words for people; undefined if nothing is
 */
export function distrust({ uid, paths }: Ownership, isShared: boolean): string | undefined {
  for (const entries of paths) {
    let parent: Entry | undefined;
    for (const entry of entries) {
      const why = distrustEntry(entry, parent, uid, isShared);
      if (why !== undefined) return why;
      parent = entry;
    }
  }
  return undefined;
}

function distrustEntry(entry: Entry, parent: Entry | undefined, us: number, isShared: boolean): string | undefined {
  const { path, role, uid, owner, group, gid } = entry;
  if (role === 'own' && isLink(entry)) {
    return `${path} is a symbolic link, which this program never makes there: move it away`;
  }
  // Who has the user's home, as in a container, has all of the user's.
  const isOurs = uid === 0 || uid === us || uid === entry.homeOwner;
  if (!isOurs && (!isShared || (parent !== undefined && mayEveryoneWrite(parent)))) {
    return `${path} belongs to ${named(owner, 'uid', uid)}, not to you (uid ${us}) or root. ${advice(isShared)}`;
  }
  if (isLink(entry)) return undefined;
  const isStickyParent = role === 'parent' && isSticky(entry);
  if (mayEveryoneWrite(entry) && !isStickyParent) {
    return `${path} may be written by everybody (mode ${modeText(entry)}): \`chmod o-w\` it if it is yours. ${advice(true)}`;
  }
  if (mayGroupWrite(entry) && !isStickyParent && !isShared && !isPrivateGroup(entry, us)) {
    const whom = entry.hasAcl
      ? `others than you (mode ${modeText(entry)}, with an access control list)`
      : `the group ${named(group, 'gid', gid)} (mode ${modeText(entry)})`;
    return `${path} may be written by ${whom}: \`chmod g-w\` it if it is yours and need not be. ${advice(false)}`;
  }
  return undefined;
}

/** Whether nobody but us is in the group that may write. */
function isPrivateGroup({ gid, group, user, members, hasAcl }: Entry, us: number): boolean {
  if (hasAcl || members.some((member) => member !== user)) return false;
  if (gid === 0 || group === user) return true;
  // A container may have names for neither.
  if (group === 'UNKNOWN') return gid === us;
  return members.length > 0;
}

function advice(isShared: boolean): string {
  const other = 'Choose an output-path that only you may write, and on the way to which only you and root may';
  if (isShared) return other;
  return `${other}; or, in the project space of a group, all of which you trust to run commands as you, set input 'allow-shared-directory' to true`;
}

function named(name: string, kind: 'uid' | 'gid', number: number): string {
  return name === 'UNKNOWN' || name === '' ? `${kind} ${number}` : `${name} (${kind} ${number})`;
}

function modeText({ mode }: Entry): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
