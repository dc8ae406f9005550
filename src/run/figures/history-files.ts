import { gunzipSync } from 'node:zlib';
import { chooseRecords } from '../../history/files.js';
import type { HistoryFile } from '../../history/record.js';
import { mustRun } from '../../hosts/commands.js';
import { replacingCommand } from '../../hosts/files.js';
import { type Host, HostError } from '../../hosts/host.js';
import { describeError } from '../../util/errors.js';
import { quote, quoteAll } from '../../util/shell-quote.js';

/** What is in the directory of a study's records. */
export interface HistoryFiles {
  /** The latest that are read, the earliest of them first. */
  readonly files: readonly HistoryFile[];
  /** The names of those beyond the number that is kept. */
  readonly toRemove: readonly string[];
  /** The names of what is no record. */
  readonly foreign: readonly string[];
}

/** So much of the latest records is read: those of a study of ten thousand steps have more than a megabyte. */
const MAX_BYTES = 64 * 1024 * 1024;
/** A larger file is no record: one of 100,000 steps has twelve megabytes. */
const MAX_RECORD_BYTES = 32 * 1024 * 1024;
/** A temporary file that is older was left by a writer that was killed. */
const LEFT_MINUTES = 24 * 60;

/** Reads the latest records, in one stream. There are none where there is no directory. @throws HostError */
export async function readHistoryFiles(host: Host, directory: string): Promise<HistoryFiles> {
  const purpose = `cannot read the history in ${directory} on ${host.name}`;
  const names = await mustRun(host, purpose, listCommand(directory));
  const { toRead, ...others } = chooseRecords(names.toString().split('\0'));
  if (toRead.length === 0) return { files: [], ...others };
  const latestFirst = toRead.toReversed();
  const output = await mustRun(host, purpose, readCommand(directory), latestFirst.map((name) => `${name}\0`).join(''));
  const fields = unpacked(output, purpose).split('\0');
  const files: HistoryFile[] = [];
  for (let i = 0; i + 2 < fields.length; i += 3) {
    files.unshift({ name: fields[i]!, text: fields[i + 1] === '+' ? fields[i + 2]! : null });
  }
  return { files, ...others };
}

function unpacked(output: Buffer, purpose: string): string {
  try {
    return gunzipSync(output).toString();
  } catch (error) {
    throw new HostError(`${purpose}: what came of it is damaged (${describeError(error)})`);
  }
}

function listCommand(directory: string): string {
  return `[ -d ${quote(directory)} ] || exit 0
cd -- ${quote(directory)} || exit
shopt -s nullglob
for name in *; do printf '%s\\0' "$name"; done`;
}

/** Prints, of the names that it is given until there are too many bytes, three fields: name, whether it can be read, text. */
function readCommand(directory: string): string {
  return `set -o pipefail
cd -- ${quote(directory)} || exit
left=${MAX_BYTES}
while IFS= read -r -d '' name; do
  [ -f "$name" ] || continue
  size=$(wc -c < "$name" 2> /dev/null) || size=
  [ "\${size:-0}" -le ${MAX_RECORD_BYTES} ] || size=
  left=$((left - \${size:-0}))
  [ "$left" -ge 0 ] || break
  printf '%s\\0' "$name"
  if [ -n "$size" ]; then printf '+\\0'; head -c "$size" -- "$name" | tr -d '\\0'; else printf -- '-\\0'; fi
  printf '\\0'
done | gzip -1`;
}

/**
 * Adds a record: under a temporary name first, so that no reader finds a part of it, on file servers too. Nothing is locked,
 * and any number of writers can do so at once. The same record twice is one file.
 *
 * @param name that no other record has
 * @param toRemove records that are too many
 * @throws HostError
 */
export async function writeHistoryFile(
  host: Host,
  directory: string,
  { name, text }: { readonly name: string; readonly text: string },
  toRemove: readonly string[],
): Promise<void> {
  const file = `${directory}/${name}`;
  const old = toRemove.length === 0 ? '' : `rm -f -- ${quoteAll(toRemove.map((each) => `./${each}`))}\n`;
  await mustRun(
    host,
    `cannot add to the history in ${directory} on ${host.name}`,
    `mkdir -p -- ${quote(directory)} && cd -- ${quote(directory)} || exit
${replacingCommand(file, text)}
mv -fT -- "$new" ${quote(file)} || { rm -f -- "$new"; exit 1; }
${old}find . -maxdepth 1 -type f -name '[0-9]*Z-*.json.*' -mmin +${LEFT_MINUTES} -exec rm -f -- {} + 2> /dev/null
true`,
    text,
  );
}
