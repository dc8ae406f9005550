import type { Handle } from '../../flux/handle.js';
import { decodeJobId, type JobId } from '../../flux/job-id.js';
import { signNone } from '../../flux/jobspec.js';
import { submitJob } from '../../flux/requests.js';
import { run } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { quote } from '../../util/shell-quote.js';

/** How jobs get to a broker. */
export interface Submitter {
  /** How many may be on their way at once. */
  readonly window: number;
  /**
   * @param jobspec its JSON
   * @throws SubmitError if the job was refused; FluxError, ConnectionError or RequestTimeout from the handle
   */
  submit(handle: Handle, jobspec: string, urgency: number): Promise<JobId>;
}

/** The command that submits refused a job, or ended without an answer; the message is in its words. */
export class SubmitError extends Error {
  /** Of the command that submits; undefined if it ended well, or there is none. */
  readonly exitCode: number | undefined;

  constructor(message: string, exitCode?: number) {
    super(message);
    this.name = 'SubmitError';
    this.exitCode = exitCode;
  }
}

/** The owner of an instance needs no signature. */
export class OwnerSubmitter implements Submitter {
  /** Enough to keep a broker busy; more would only wait in its memory and ours. */
  readonly window = 256;
  readonly #userid: number;

  constructor(userid: number) {
    this.#userid = userid;
  }

  submit(handle: Handle, jobspec: string, urgency: number): Promise<JobId> {
    return submitJob(handle, signNone(jobspec, this.#userid), urgency);
  }
}

/** A guest's jobs are signed by the installed `flux`, with the site's own means. */
export class GuestSubmitter implements Submitter {
  /** Each is a process of its own on a login node that others use too. */
  readonly window = 8;
  readonly #host: Host;
  readonly #flux: string;
  readonly #uri: string;

  /** @param flux the path of the command */
  constructor(host: Host, flux: string, uri: string) {
    this.#host = host;
    this.#flux = flux;
    this.#uri = uri;
  }

  async submit(_: Handle, jobspec: string, urgency: number): Promise<JobId> {
    const command = `export FLUX_URI=${quote(this.#uri)}\nexec ${quote(this.#flux)} job submit --urgency=${urgency}`;
    const { code, stdout, stderr } = await run(this.#host, command, jobspec);
    const id = decodeJobId(stdout.toString().trim());
    if (code === 0 && id !== undefined) return id;
    const words = stderr.replaceAll(/^flux-job: /gm, '').trim();
    if (code === 0) throw new SubmitError(words || 'flux job submit: it printed no job id', code);
    throw new SubmitError(words || `flux job submit: exit ${code}`, code);
  }
}
