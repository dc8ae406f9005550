import { quote } from '../util/shell-quote.js';
import type { Entry, Ownership, Role } from './ownership.js';
import { journalPath } from './remote-writer-protocol.js';

/** As many symbolic links as Linux follows in one path, and the path itself. */
const MOST_PATHS = 41;

/** Of an entry so many fields, each with a NUL after it. */
const FIELDS = 12;

/** The names that are looked at below a study directory. */
const OWN_NAMES = ['.conductor', journalPath];

/**
 * Bash (with `stat` of the coreutils) that tells who may change what a study directory leads to: of every name in its path,
 * also where symbolic links lead, of the directory itself and of its journal, as far as they are there. `getent` and `id` are
 * asked only about what a group may write.
 */
export function ownershipCommand(studyPath: string): string {
  const own = OWN_NAMES.map((name) => quote(`${studyPath}/${name}`)).join(' ');
  return `maestro_ownership() (
  set +aefuvxC
  IFS=$' \\t\\n'
  paths=("$1") roles=(study) newline=$'\\n'
  printf '%s\\0' "$EUID"
  for ((i = 0; i < \${#paths[@]} && i < ${MOST_PATHS}; i++)); do
    names=(/)
    prefix=
    rest=\${paths[i]}
    while [ -n "$rest" ]; do
      name=\${rest%%/*}
      if [ "$name" = "$rest" ]; then rest=; else rest=\${rest#*/}; fi
      [ -n "$name" ] || continue
      prefix+=/$name
      names+=("$prefix")
    done
    [ "$i" != 0 ] || names+=(${own})
    # What vanishes meanwhile is left out the next time.
    for tries in 1 2 3; do
      there=()
      for name in "\${names[@]}"; do
        if [ -e "$name" ] || [ -L "$name" ]; then there+=("$name"); fi
      done
      lines=$(command stat -c %u:%g:%f:%U:%G -- "\${there[@]}" 2> /dev/null) && break
      lines=
    done
    [ -n "$lines" ] || exit
    printf 'path\\0'
    for name in "\${there[@]}"; do
      line=\${lines%%"$newline"*}
      lines=\${lines#*"$newline"}
      uid=\${line%%:*} line=\${line#*:}
      gid=\${line%%:*} line=\${line#*:}
      mode=\${line%%:*} line=\${line#*:}
      owner=\${line%%:*} group=\${line#*:}
      role=parent
      [ "$name" != "$prefix" ] || role=\${roles[i]}
      [ "$i" != 0 ] || [ "\${#name}" -le "\${#prefix}" ] || role=own
      user= members= others= acl= home=
      if ((16#$mode >> 12 == 10)); then
        target=$(readlink -n -- "$name" && echo .) && target=\${target%.}
        if [ -n "$target" ] && [ "$role" != own ]; then
          case $target in /*) ;; *) target=\${name%/*}/$target ;; esac
          paths+=("$target")
          roles+=("$role")
        fi
      elif ((16#$mode & 8#20)); then
        user=$(id -un)
        members=$(getent group "$gid")
        # Whose own group it is besides, as far as a file of this machine tells.
        while IFS=: read -r other _ _ others_gid _; do
          [ "$others_gid" != "$gid" ] || [ "$other" = "$user" ] || others+="$other "
        done < /etc/passwd
        acl=$(ls -ldn -- "$name")
        acl=\${acl%% *}
      fi
      case $uid in 0 | "$EUID") ;; *) home=$(stat -L -c %u -- "\${HOME:-/}") ;; esac
      printf '%s\\0' "$role" "$name" "$uid" "$gid" "$mode" "$owner" "$group" "$user" "$members" "$others" "$acl" "$home"
    done
  done
  printf 'end\\0'
)
maestro_ownership ${quote(studyPath)} 2> /dev/null
`;
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
