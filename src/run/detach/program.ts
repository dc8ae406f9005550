import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { again, causeOf, mustRun, run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import { oneLine } from '../../util/log/plain-text.js';
import { packageDirectory } from '../../util/package-directory.js';
import { quote } from '../../util/shell-quote.js';

/** The file of the bundle that has all of the program, and needs nothing beside it. */
const programName = 'program.cjs';

/** What runs a conductor on the host; both are paths there. */
export interface HostProgram {
  readonly node: string;
  readonly program: string;
}

/**
 * Finds Node on the host, and brings this program there unless it is there: each version once, in a directory named by its
 * hash. Nothing is written where there is no Node.
 *
 * @param root the directory of the studies there
 * @param node the path of Node there; '' for the one on PATH
 * @throws HostError
 */
export async function bringProgram(host: Host, root: string, node: string): Promise<HostProgram> {
  const bundle = ownBundle();
  const hash = createHash('sha256').update(bundle).digest('hex');
  const directory = `${root}/.conductor/programs/${hash}`;
  const program = `${directory}/${programName}`;
  const look =
    `node=${quote(node)}\n[ -n "$node" ] || node=$(type -P node)\n` +
    `printf '%s\\n' "$node" "$([ -z "$node" ] || "$node" -p process.versions.node 2>/dev/null </dev/null)"\n` +
    `sha256sum < ${quote(program)} 2>/dev/null`;
  const { code, stdout, stderr } = await again(() => run(host, look, '', { isForSteps: true }));
  const [found = '', version = '', sum = ''] = stdout.toString().split('\n');
  if (found === '' && code !== 0 && stderr !== '') {
    throw new HostError(`cannot look for Node on ${host.name}: ${causeOf(code, stderr)}`);
  }
  refuseNode(host, found, version);
  if (sum !== `${hash}  -`) await copy(host, { bundle, hash, directory, program });
  return { node: found, program };
}

/** @throws HostError if a conductor cannot run with that Node */
function refuseNode({ name }: Host, node: string, version: string): void {
  const advice =
    "a detached study needs 20 or newer: put one on PATH with input 'setup' (module load nodejs), or name it with input 'detach-node'";
  if (node === '') throw new HostError(`there is no Node on ${name}; ${advice}`);
  const number = /^(\d+)\./.exec(version)?.[1];
  if (number === undefined) throw new HostError(`${oneLine(node)} on ${name} is not a working Node; ${advice}`);
  if (Number(number) < 20) throw new HostError(`the Node on ${name} is ${version}; ${advice}`);
}

/** The bundle that this program is, or was made from. @throws HostError if it cannot be read */
function ownBundle(): Buffer {
  // The program may have been copied anywhere; what is only compiled has it in its package.
  const isBundled = path.basename(import.meta.filename) === programName;
  const directory = packageDirectory();
  const file = isBundled || directory === undefined ? import.meta.filename : path.join(directory, 'dist', programName);
  try {
    return readFileSync(file);
  } catch (error) {
    throw new HostError(`cannot read this program, to copy it to the host: ${(error as Error).message}`);
  }
}

interface Copy {
  readonly bundle: Buffer;
  readonly hash: string;
  readonly directory: string;
  readonly program: string;
}

async function copy(host: Host, { bundle, hash, directory, program }: Copy): Promise<void> {
  await mustRun(
    host,
    `cannot copy this program to ${directory} on ${host.name}`,
    `umask 077\nmkdir -p -- ${quote(directory)} || exit\nnew=$(mktemp -- ${quote(`${program}.XXXXXXXX`)}) || exit\n` +
      // A sum that differs is that of a disk that is full, or of an input that ended early.
      `if gzip -d > "$new" && [ "$(sha256sum < "$new")" = ${quote(`${hash}  -`)} ]; then mv -fT -- "$new" ${quote(program)}\n` +
      `else rm -f -- "$new"; echo 'it could not be written whole: is the disk, or a quota, full?' >&2; exit 1; fi`,
    gzipSync(bundle, { level: 6 }),
  );
}
