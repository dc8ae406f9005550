import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { mustRun } from '../../hosts/commands.js';
import { areThere, replaceFile } from '../../hosts/files.js';
import type { Host } from '../../hosts/host.js';
import { parseAs } from '../../util/json.js';
import type { Log } from '../../util/log/log.js';
import { oneLine } from '../../util/log/plain-text.js';
import { assignments, quote } from '../../util/shell-quote.js';
import { type Pointer, pointerSchema, pointersPath } from './parcel.js';

/** For how long one process has a pointer to itself unless it says that it goes on; a collector that was killed leaves it for so long. */
const CLAIM_MINUTES = 10;

const KEEP_MS = 120_000;

/**
 * The studies that were detached and not reported yet, those that were started first before others.
 *
 * @param root the directory of the studies on the host
 * @throws HostError
 */
export async function findPointers(host: Host, root: string, log: Pick<Log, 'warning'>): Promise<Pointer[]> {
  const directory = `${root}/${pointersPath}`;
  const output = await mustRun(
    host,
    `cannot look for detached studies in ${directory} on ${host.name}`,
    `[ -d ${quote(directory)} ] || exit 0\ncd -- ${quote(directory)} || exit\nshopt -s nullglob\n` +
      'for file in *.json; do\n' +
      // Only what the account itself has written: another's could name anything.
      `  [ -f "$file" ] && [ -O "$file" ] && { printf '%s\\0' "$file"; head -c 65536 -- "$file" | tr -d '\\0'; printf '\\0'; }\n` +
      'done\ntrue',
  );
  const fields = output.toString().split('\0').slice(0, -1);
  const files = fields.flatMap((name, i) => (i % 2 === 0 ? [{ name, text: fields[i + 1] ?? '' }] : []));
  return files
    .flatMap(({ name, text }) => {
      const pointer = parseAs(pointerSchema, text);
      // By its token the file is claimed and removed.
      if (pointer !== undefined && `${pointer.token}.json` === name) return [pointer];
      log.warning(`${oneLine(name)} in ${directory} does not name a detached study, and is left as it is`);
      return [];
    })
    .sort((a, b) => a.started - b.started);
}

/** The pointer of one start; undefined if that was reported. @throws HostError */
export async function findPointer(host: Host, root: string, token: string): Promise<Pointer | undefined> {
  const all = await findPointers(host, root, { warning: () => {} });
  return all.find((pointer) => pointer.token === token);
}

/** A pointer that this process has to itself, so that two that collect at once do not both report a study. */
export class Claim {
  readonly #host: Host;
  readonly #file: string;
  readonly #nonce: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(host: Host, file: string, nonce: string) {
    this.#host = host;
    this.#file = file;
    this.#nonce = nonce;
    // Bringing the files of a study can take longer than a claim lasts.
    this.#timer = setInterval(() => void this.keep().catch(() => {}), KEEP_MS);
    this.#timer.unref();
  }

  /** @returns undefined if another process has it, or the study was reported meanwhile */
  static async take(host: Host, root: string, { token }: Pick<Pointer, 'token'>): Promise<Claim | undefined> {
    const file = `${root}/${pointersPath}/${token}.json`;
    const nonce = randomBytes(8).toString('hex');
    const said = await mustRun(
      host,
      `cannot claim ${file} on ${host.name}`,
      `${assignments({ file, claim: `${file}.claim`, nonce })}` +
        // One that its process has left is moved away first: only one process can do that.
        `[ -z "$(find "$claim" -maxdepth 0 -mmin +${CLAIM_MINUTES} 2> /dev/null)" ] || mv -T -- "$claim" "$claim.$nonce" 2> /dev/null\n` +
        'rm -rf -- "$claim.$nonce"\n[ -f "$file" ] && mkdir -- "$claim" 2> /dev/null && : > "$claim/$nonce" && echo ours\ntrue',
    );
    return said.toString() === 'ours\n' ? new Claim(host, file, nonce) : undefined;
  }

  /** Makes it last longer. @returns whether it still is this process's */
  async keep(): Promise<boolean> {
    return (await this.#run('[ -e "$claim/$nonce" ] && touch -- "$claim" && echo ours\ntrue')) === 'ours\n';
  }

  /** Notes that the study was reported: nobody finds it any more. */
  async reported(): Promise<void> {
    await this.#run('rm -f -- "$file"');
  }

  /** Lets other processes have it again. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#run('[ ! -e "$claim/$nonce" ] || rm -rf -- "$claim"');
  }

  async #run(command: string): Promise<string> {
    const given = assignments({ file: this.#file, claim: `${this.#file}.claim`, nonce: this.#nonce });
    const output = await mustRun(this.#host, `cannot keep the claim of ${this.#file}`, `${given}${command}`);
    return output.toString();
  }
}

/** Notes that a study was reported, unless another process collects it right now, which notes that itself. */
export async function markReported(host: Host, root: string, pointer: Pick<Pointer, 'token'>): Promise<void> {
  const claim = await Claim.take(host, root, pointer);
  try {
    await claim?.reported();
  } finally {
    await claim?.release();
  }
}

/** Writes a pointer, in place of one with the same token. */
export async function writePointer(host: Host, root: string, pointer: Pointer): Promise<void> {
  const directory = `${root}/${pointersPath}`;
  const file = `${directory}/${pointer.token}.json`;
  const purpose = `cannot write ${file} on ${host.name}`;
  await mustRun(host, purpose, `umask 077\nmkdir -p -- ${quote(directory)}`);
  await replaceFile(host, file, JSON.stringify(pointer), { isPrivate: true, purpose });
}

/** How often, and for how long, a claim of another process is waited for. */
const WAIT_MS = 1000;
const WAITS = 30;

/**
 * Has a study that goes on shown for another run as well: those who collect it complete the check runs of both.
 */
export async function repoint(host: Host, root: string, pointer: Pointer): Promise<void> {
  let claim: Claim | undefined;
  for (let i = 0; i < WAITS && claim === undefined && (await isThere(host, root, pointer)); i++) {
    claim = await Claim.take(host, root, pointer);
    if (claim === undefined) await setTimeout(WAIT_MS);
  }
  try {
    const before = await findPointer(host, root, pointer.token);
    const shown = [pointer.checkRun, before?.checkRun, ...(before?.earlier ?? [])];
    const [checkRun = null, ...earlier] = shown.filter((each) => each !== null && each !== undefined);
    await writePointer(host, root, { ...pointer, checkRun, earlier });
  } finally {
    await claim?.release();
  }
}

async function isThere(host: Host, root: string, { token }: Pointer): Promise<boolean> {
  const [is] = await areThere(host, [`${root}/${pointersPath}/${token}.json`]);
  return is === true;
}
