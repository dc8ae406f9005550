/** A directory above the study, the study directory itself, or a file of this program in it. */
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
  /** Of an entry that its group may write: this user's name, and the known members of the group. */
  readonly user: string;
  readonly members: readonly string[];
  /** Whether an access control list grants more. */
  readonly hasAcl: boolean;
  /** Of an entry that is neither ours nor root's: the owner of the user's home; undefined if that is not known. */
  readonly homeOwner: number | undefined;
}

/** Who may change the path of a study directory, or what is in it. */
export interface Ownership {
  /** The user of this program. */
  readonly uid: number;
  /** Each path from `/`: first that of the study directory, then those that symbolic links lead to. */
  readonly paths: readonly (readonly Entry[])[];
}

const isLink = ({ mode }: Entry) => mode >> 12 === 0o12;
const isSticky = ({ mode }: Entry) => (mode & 0o1000) !== 0;
const mayEveryoneWrite = ({ mode }: Entry) => (mode & 0o002) !== 0;
const mayGroupWrite = ({ mode }: Entry) => (mode & 0o020) !== 0;

/**
 * Checks as OpenSSH's StrictModes does: a user who may write to the study directory or to one above it could replace the
 * study, and run commands as this user.
 *
 * @param isShared whether members of a group who may write there are trusted
 * @returns what is wrong, for people; undefined if nothing is
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
  // The owner of the user's home, as in a container, can change all files of the user anyway.
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

/** Whether this user is the only member of the group that may write. */
function isPrivateGroup({ gid, group, user, members, hasAcl }: Entry, us: number): boolean {
  if (hasAcl || members.some((member) => member !== user)) return false;
  if (gid === 0 || group === user) return true;
  // A container may have no names for users and groups.
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
