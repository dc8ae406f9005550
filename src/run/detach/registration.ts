import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import * as z from 'zod';
import { mustRun } from '../../hosts/commands.js';
import { replaceFile } from '../../hosts/files.js';
import type { Host } from '../../hosts/host.js';
import { parseAs } from '../../util/json.js';
import type { Log } from '../../util/log/log.js';
import { oneLine } from '../../util/log/plain-text.js';
import { assignments, quote, quoteAll } from '../../util/shell-quote.js';
import { startFiles, startPath } from './start-files.js';

/** Names of starts: they become names of files. */
const tokenSchema = z.string().regex(/^[0-9a-f]{32}$/);

/** A check run that shows a study. */
const shownSchema = z.object({
  id: z.int().positive(),
  name: z.string(),
  /** Of the run that made it for itself, and then found the study running: GitHub may not have taken that it is that of the start. */
  token: tokenSchema.optional(),
});

/** What a study was started for, as far as that is not known from its directory. */
const startedForSchema = z.object({
  /** `owner/name`; '' if it was started on the command line. */
  repository: z.string(),
  /** The commit that the results are about; '' if there is none. */
  sha: z.string(),
  /** The check run that shows the study; null if there is none. */
  checkRun: shownSchema.nullable(),
  /** Those that showed it before a later run confirmed that it goes on. */
  earlier: z.array(shownSchema).optional(),
  runUrl: z.string(),
  /** The spec's path in the repository; absent if it is not in it. */
  specPath: z.string().optional(),
  /** The number of the pull request; absent if it was not for one. */
  pullRequest: z.int().positive().optional(),
  /** Which step of which workflow, and the number of its run, which counts the runs of the workflow. */
  workflow: z.string().optional(),
  job: z.string().optional(),
  step: z.string().optional(),
  runNumber: z.int().positive().optional(),
  /** The `HistoryOptions` of the start, which are looked at only where the study is reported. */
  history: z.unknown().optional(),
  /** The event and the ref of that run, and which attempt of it; earlier versions did not write them. */
  event: z.string().optional(),
  ref: z.string().optional(),
  attempt: z.int().positive().optional(),
  /** Whether the commit is another than the event's. */
  isOtherCommit: z.boolean().optional(),
  /** Which leg of a matrix it is, for an issue about the study. */
  leg: z.string().optional(),
});

export type StartedFor = z.output<typeof startedForSchema>;

/** What a study is started for on the command line. */
export const startedByHand = { repository: '', sha: '', checkRun: null, runUrl: '' } as const satisfies StartedFor;

/**
 * Says in the directory of the studies that one was detached, wherever it is, and what it was started for: those who collect it
 * compare that with what GitHub says, for the account that steps run as can write it.
 */
export const registrationSchema = startedForSchema.extend({
  version: z.literal(1),
  token: tokenSchema,
  studyPath: z.string().startsWith('/'),
  /** Milliseconds since the epoch. */
  started: z.number(),
});

export type Registration = z.output<typeof registrationSchema>;

/** The `external_id` of the check run of a detached study. */
export function detachedKey(token: string): string {
  return `detached-${token}`;
}

/** Where the registrations are, relative to the directory of the studies. */
export const registrationsPath = '.conductor/detached';

/** For how long one process has a registration to itself unless it says that it goes on; a collector that was killed leaves it for so long. */
const CLAIM_MINUTES = 10;

const KEEP_MS = 120_000;

/**
 * The studies that were detached and not reported yet, those that were started first before others.
 *
 * @param root the directory of the studies on the host
 * @throws HostError
 */
export async function findRegistrations(host: Host, root: string, log: Pick<Log, 'warning'>): Promise<Registration[]> {
  const directory = `${root}/${registrationsPath}`;
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
      const registration = parseAs(registrationSchema, text);
      // By its token the file is claimed and removed.
      if (registration !== undefined && `${registration.token}.json` === name) return [registration];
      log.warning(`${oneLine(name)} in ${directory} does not name a detached study, and is left as it is`);
      return [];
    })
    .sort((a, b) => a.started - b.started);
}

/** The registration of one start; undefined if that was reported. @throws HostError */
export async function findRegistration(host: Host, root: string, token: string): Promise<Registration | undefined> {
  const all = await findRegistrations(host, root, { warning: () => {} });
  return all.find((registration) => registration.token === token);
}

/** Whether runs that collect in a repository find the check runs of a start, by the key of the one that it is registered with. */
export async function hasCheckRun(host: Host, root: string, token: string, repository: string): Promise<boolean> {
  const registration = await findRegistration(host, root, token);
  if (registration === undefined || registration.checkRun === null) return false;
  return registration.repository.toLowerCase() === repository.toLowerCase();
}

/** By what a claim is known, and of which start it is. */
interface Claimed {
  readonly nonce: string;
  readonly mark: string;
  readonly start: string;
}

/** A registration that this process has to itself, so that two that collect at once do not both report a study. */
export class Claim {
  readonly #host: Host;
  readonly #file: string;
  readonly #nonce: string;
  readonly #mark: string;
  /** The directory of the start. */
  readonly #start: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(host: Host, file: string, { nonce, mark, start }: Claimed) {
    this.#host = host;
    this.#file = file;
    this.#nonce = nonce;
    this.#start = start;
    this.#mark = mark;
    // Bringing the files of a study can take longer than a claim lasts.
    this.#timer = setInterval(() => void this.keep().catch(() => {}), KEEP_MS);
    this.#timer.unref();
  }

  /**
   * @param registration as it was read
   * @returns undefined if another process has it, or has registered the study again, or has reported it meanwhile
   */
  static async take(host: Host, root: string, { token, studyPath, started }: Registration): Promise<Claim | undefined> {
    const file = `${root}/${registrationsPath}/${token}.json`;
    const nonce = randomBytes(8).toString('hex');
    const mark = JSON.stringify({ started }).slice(1, -1);
    const said = await mustRun(
      host,
      `cannot claim ${file} on ${host.name}`,
      `${assignments({ file, claim: `${file}.claim`, nonce, mark })}` +
        // One that its process has left is moved away first: only one process can do that.
        `[ -z "$(find "$claim" -maxdepth 0 -mmin +${CLAIM_MINUTES} 2> /dev/null)" ] || mv -T -- "$claim" "$claim.$nonce" 2> /dev/null\n` +
        'rm -rf -- "$claim.$nonce"\ngrep -qF -- "$mark" "$file" 2> /dev/null && mkdir -- "$claim" 2> /dev/null && : > "$claim/$nonce" && echo ours\ntrue',
    );
    return said.toString() === 'ours\n'
      ? new Claim(host, file, { nonce, mark, start: `${studyPath}/${startPath(token)}` })
      : undefined;
  }

  /** Makes it last longer. @returns whether it still is this process's */
  async keep(): Promise<boolean> {
    return (await this.#run('[ -e "$claim/$nonce" ] && touch -- "$claim" && echo ours\ntrue')) === 'ours\n';
  }

  /**
   * Notes that the study was reported: nobody finds it any more, unless it was registered again for something that this process knows
   * nothing of. No conductor of this start is started then, so what only one would need is removed.
   */
  async reported(): Promise<void> {
    const inputs = quoteAll([startFiles.secrets, startFiles.tree].map((name) => `${this.#start}/${name}`));
    await this.#run(
      `! grep -qF -- "$mark" "$file" 2> /dev/null || { rm -f -- "$file" && { rm -rf -- ${inputs} || :; }; }`,
    );
  }

  /** Lets other processes have it again. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#run('[ ! -e "$claim/$nonce" ] || rm -rf -- "$claim"');
  }

  async #run(command: string): Promise<string> {
    const given = assignments({ file: this.#file, claim: `${this.#file}.claim`, nonce: this.#nonce, mark: this.#mark });
    const output = await mustRun(this.#host, `cannot keep the claim of ${this.#file}`, `${given}${command}`);
    return output.toString();
  }
}

/**
 * Notes that the study of a start was reported, unless another process collects it right now, which notes that itself.
 *
 * @param isShown whether that is all that it was registered for
 */
export async function markReported(
  host: Host,
  root: string,
  token: string,
  isShown: (registration: Registration) => boolean | Promise<boolean>,
): Promise<void> {
  const registration = await findRegistration(host, root, token);
  if (registration === undefined || !(await isShown(registration))) return;
  const claim = await Claim.take(host, root, registration);
  try {
    await claim?.reported();
  } finally {
    await claim?.release();
  }
}

/** Writes a registration, in place of one with the same token. */
export async function writeRegistration(host: Host, root: string, registration: Registration): Promise<void> {
  const directory = `${root}/${registrationsPath}`;
  const file = `${directory}/${registration.token}.json`;
  const purpose = `cannot write ${file} on ${host.name}`;
  await mustRun(host, purpose, `umask 077\nmkdir -p -- ${quote(directory)}`);
  await replaceFile(host, file, JSON.stringify(registration), { isPrivate: true, purpose });
}

/** How often, and for how long, a claim of another process is waited for. */
const WAIT_MS = 1000;
const WAITS = 30;

/**
 * Has a study that goes on shown for another run as well: those who collect it complete the check runs of both.
 */
export async function registerAgain(host: Host, root: string, registration: Registration): Promise<void> {
  let claim: Claim | undefined;
  let before = await findRegistration(host, root, registration.token);
  for (let i = 0; i < WAITS && before !== undefined; i++) {
    claim = await Claim.take(host, root, before);
    if (claim !== undefined) break;
    await setTimeout(WAIT_MS);
    before = await findRegistration(host, root, registration.token);
  }
  try {
    const shown = [registration.checkRun, before?.checkRun, ...(before?.earlier ?? [])];
    const [checkRun = null, ...earlier] = shown.filter((each) => each !== null && each !== undefined);
    await writeRegistration(host, root, { ...registration, checkRun, earlier });
  } finally {
    await claim?.release();
  }
}
