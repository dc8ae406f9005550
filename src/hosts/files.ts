import { once } from 'node:events';
import { createTarPacker } from 'modern-tar';
import { quote } from '../quote.js';
import { mustRun, run } from './commands.js';
import { type Host, HostError } from './host.js';

/** A text file to be written on a host. */
export interface HostFile {
  /** Relative to the directory that it is written below. */
  readonly path: string;
  readonly text: string;
  readonly executable?: boolean;
}

/**
 * Writes files, and the directories they are in, below `directory`, all in one stream.
 * Their modes are what a program there would give them: everything that the umask lets through.
 */
export async function writeFiles(host: Host, directory: string, files: Iterable<HostFile>): Promise<void> {
  const purpose = `cannot write the study's files to ${directory} on ${host.name}`;
  const process = host.spawn(
    `command -v tar >/dev/null || { echo 'there is no tar' >&2; exit 127; }\n` +
      `exec tar -x -f - -C ${quote(directory)} --no-same-owner --no-same-permissions`,
  );
  const errors: Buffer[] = [];
  process.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  process.stdout.resume();
  const ended = process.exit.then(({ code }) => {
    if (code !== 0)
      throw new HostError(`${purpose}: ${Buffer.concat(errors).toString().trim() || `tar: exit ${code}`}`);
  });
  // Whichever comes first: tar may give up (a full disk) before everything has been sent.
  await Promise.race([send(process.stdin, files), ended]);
  await ended;
}

async function send(stdin: NodeJS.WritableStream, files: Iterable<HostFile>): Promise<void> {
  const { readable, controller } = createTarPacker();
  const sending = (async () => {
    for await (const chunk of readable) if (!stdin.write(chunk)) await once(stdin, 'drain');
    stdin.end();
  })();
  const mtime = new Date();
  for (const { path, text, executable } of files) {
    const body = Buffer.from(text);
    // 0666 and 0777 less the umask, as `open` gives; Maestro adds the owner's x to the first.
    const mode = executable === true ? 0o766 : 0o666;
    const writer = controller.add({ name: path, size: body.length, type: 'file', mode, mtime }).getWriter();
    if (body.length > 0) await writer.write(body);
    await writer.close();
  }
  controller.finalize();
  await sending;
}

/** Replaces a file's text at once: a reader finds the old one or the new one, never a part. */
export async function replaceFile(host: Host, path: string, text: string): Promise<void> {
  const temporary = quote(`${path}.new`);
  await mustRun(host, `cannot write ${path}`, `cat > ${temporary} && mv -f -- ${temporary} ${quote(path)}`, text);
}

/** Exit status of the commands below for "it is there already". */
const exists = 17;

/**
 * Makes a directory that must not exist, and its parents. An empty one counts as new.
 * Whether it is new is decided by the file system, so of two callers one gets it.
 *
 * @returns false if there is something in it, or it is no directory
 */
export async function createDirectory(host: Host, path: string): Promise<boolean> {
  const directory = quote(path);
  const { code, stderr } = await run(
    host,
    `mkdir -p -- "$(dirname -- ${directory})" || exit 1\n` +
      `mkdir -- ${directory} 2>/dev/null && exit 0\n` +
      `[ -d ${directory} ] && [ -z "$(ls -A -- ${directory})" ] && [ -w ${directory} ] && exit 0\n` +
      `[ -e ${directory} ] && exit ${exists}\n` +
      `exec mkdir -- ${directory}`,
  );
  if (code === exists) return false;
  if (code !== 0)
    throw new HostError(`cannot create the study directory ${path} on ${host.name}: ${stderr || `exit ${code}`}`);
  return true;
}

/** The last bytes of files, in the order of `paths`; null for one that cannot be read. */
export async function readTails(host: Host, paths: readonly string[], bytes: number): Promise<(Buffer | null)[]> {
  if (paths.length === 0) return [];
  const output = await mustRun(
    host,
    `cannot read outputs on ${host.name}`,
    `while IFS= read -r -d '' path; do\n` +
      `  if [ -r "$path" ]; then printf +; tail -c ${bytes} -- "$path" | base64 | tr -d '\\n'; fi\n` +
      `  echo\n` +
      `done`,
    paths.map((path) => `${path}\0`).join(''),
  );
  const lines = output.toString('latin1').split('\n');
  return paths.map((_, i) => (lines[i]?.startsWith('+') ? Buffer.from(lines[i].slice(1), 'base64') : null));
}
