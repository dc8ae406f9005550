import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { it, onTestFinished } from 'vitest';
import { quote, quoteAll } from '../../src/util/shell-quote.js';
import { type Ended, ownNode, type Started, startBundle } from './bundle.js';
import { installedFlux } from './flux/real-broker.js';
import { plainEnvironment } from './hosts.js';
import { installedSlurm, Slurm } from './slurm.js';
import type { Client } from './ssh-hosts.js';
import { installedSshd, SshServer, type SshServerOptions, type UserKey } from './ssh-server.js';
import { temporaryDirectory } from './temporary.js';
import { validReport } from './valid-report.js';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Whether there can be a site here. Where there cannot, that is said loudly, with what is not tested then. */
export function isSitePossible(what: string): boolean {
  const slurm = installedSlurm();
  const why = installedSshd() === undefined ? 'there is no sshd on this machine: install openssh-server' : slurm;
  if (why === true) {
    if (realFlux === undefined) {
      console.warn(`There is no flux on PATH, so the stand-in is in its place for ${what}`);
      it.skip(`NOT TESTED with the real flux: ${what}: there is none on PATH`, () => {});
    }
    return true;
  }
  console.warn(`NO CLUSTER: ${why}; NOT TESTED: ${what}`);
  it.skip(`NOT TESTED: ${what}: ${why}`, () => {});
  return false;
}

/** The version of the real Flux, if there is one. */
export const realFlux = installedFlux();

/** A cluster as a user of it finds it: a login node that one reaches by SSH, Slurm, and a Flux that `setup` brings. */
export class Site {
  readonly server: SshServer;
  readonly slurm: Slurm;
  readonly key: UserKey;
  /** The user's home on the cluster. */
  readonly home: string;
  /** The input `setup` that puts `flux` on PATH. */
  readonly setup: string;
  readonly #directory: string;
  readonly #flux: string;

  private constructor(server: SshServer, slurm: Slurm, key: UserKey, directory: string, flux: string) {
    this.server = server;
    this.slurm = slurm;
    this.key = key;
    this.home = server.home;
    this.setup = `PATH=${quote(flux)}:$PATH`;
    this.#directory = directory;
    this.#flux = flux;
  }

  /** Starts one that is to be stopped with `stop`, as in `beforeAll`. */
  static async start(options: SshServerOptions = {}): Promise<Site> {
    const directory = mkdtempSync(path.join(tmpdir(), 'maestro-site-'));
    const slurm = await Slurm.start();
    try {
      const environment = { ...slurm.environment, MAESTRO_ALLOCATION_INTERVAL: '0.2', ...options.environment };
      const server = await SshServer.start({ ...options, environment });
      return new Site(server, slurm, await server.newKey(), directory, fluxIn(directory));
    } catch (error) {
      await slurm.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.slurm.stop();
    await this.server.stop();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The inputs with which it is reached. */
  inputs(client: Client = 'ssh2', port = this.server.port): Record<string, string> {
    const { user, knownHosts, port: own } = this.server;
    return {
      host: `${user}@127.0.0.1:${port}`,
      'ssh-client': client,
      'ssh-key': this.key.text,
      'ssh-known-hosts': knownHosts.replaceAll(`:${own} `, `:${port} `),
      setup: this.setup,
    };
  }

  /** Gets an allocation, as people do, with a Flux instance in it. Its id is told once `flux uri` knows the instance. */
  async allocate(...options: readonly string[]): Promise<string> {
    const script = `unset FLUX_URI; exec srun --ntasks=1 --cpu-bind=none ${quote(`${this.#flux}/flux`)} start sleep 600`;
    const words = ['--parsable', '--ntasks=1', '--output=/dev/null', '--time=10', ...options, `--wrap=${script}`];
    const id = (await this.slurm.command('sbatch', ...words)).trim();
    for (let look = 1; ; look++) {
      const uri = await this.command('flux', 'uri', `slurm:${id}`).catch(() => '');
      if (uri !== '') return id;
      if (look > 100) throw new Error(`the allocation ${id} does not get its Flux instance`);
      await sleep(100);
    }
  }

  /** A job that has the node to itself, until the test ends. */
  async block(): Promise<string> {
    const words = ['--parsable', '--exclusive', '--output=/dev/null', '--time=5', '--wrap=exec sleep 300'];
    const id = (await this.slurm.command('sbatch', ...words)).trim();
    onTestFinished(async () => {
      await this.slurm.command('scancel', id);
      await this.isIdle();
    });
    await this.isInQueue(new RegExp(`^${id} RUNNING$`));
    return id;
  }

  /** What is in Slurm's queue: `7 RUNNING` */
  queue(): Promise<string[]> {
    return this.slurm.queue();
  }

  /** Waits until there is such a job in the queue. */
  isInQueue(job: RegExp): Promise<void> {
    return this.slurm.isInQueue(job);
  }

  /** Waits until nothing is in the queue. A job that has ended stays there for a moment, as COMPLETING. */
  isIdle(): Promise<void> {
    return this.slurm.isIdle();
  }

  /** Runs a command in the cluster, with its Flux on PATH. */
  command(...words: readonly [string, ...string[]]): Promise<string> {
    return this.slurm.command('env', `PATH=${this.#flux}:${plainEnvironment.PATH}`, `HOME=${this.home}`, ...words);
  }
}

/** The directory of a `flux`: of the real one, or else of a stand-in. */
function fluxIn(directory: string): string {
  if (realFlux !== undefined) return process.env.PATH!.split(':').find((each) => existsSync(path.join(each, 'flux')))!;
  const hook = path.resolve(here, '../flux/typescript.mjs');
  const words = [ownNode, '--import', hook, path.join(here, 'flux/stand-in/main.ts'), directory];
  writeFileSync(path.join(directory, 'flux'), `#!/bin/sh\nexec ${quoteAll(words)} "$@"\n`, { mode: 0o755 });
  return directory;
}

/** A directory of this machine, with a study in it that is run at a site from the command line. */
export class Checkout {
  readonly directory: string;
  readonly #site: Site;
  readonly #inputs: Record<string, string>;

  constructor(site: Site, inputs: Readonly<Record<string, string>> = site.inputs()) {
    const around = temporaryDirectory();
    // Its name is a directory's at the site too, where other tests have theirs.
    this.directory = path.join(around, path.basename(around));
    mkdirSync(this.directory);
    this.#site = site;
    this.#inputs = { ...inputs };
    for (const name of ['ssh-key', 'ssh-known-hosts', 'ssh-passphrase']) {
      if (inputs[name] === undefined) continue;
      writeFileSync(path.join(around, name), inputs[name], { mode: 0o600 });
      this.#inputs[name] = `@../${name}`;
    }
  }

  /** Writes a file. */
  write(name: string, text: string, mode = 0o644): this {
    mkdirSync(path.dirname(path.join(this.directory, name)), { recursive: true });
    writeFileSync(path.join(this.directory, name), text, { mode });
    return this;
  }

  /** Starts a command of the bundle, `run` as a rule. */
  start(words: readonly string[], inputs: Readonly<Record<string, string>> = {}): Started {
    const all = { ...this.#inputs, 'report-path': 'report', ...inputs };
    const options = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
    return startBundle([...words, ...options], {
      cwd: this.directory,
      env: { ...plainEnvironment, HOME: this.directory },
    });
  }

  /** Runs the study `study.yaml`. */
  run(inputs: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(['run', 'study.yaml'], inputs).ended;
  }

  get report() {
    return validReport(this.reported('report.json'));
  }

  /** A file among the reports. */
  reported(name: string): string {
    return readFileSync(path.join(this.directory, 'report', name), 'utf8');
  }

  /** The states of all steps: `make FINISHED` */
  get states(): string[] {
    return this.report.steps.map(({ name, state }: Record<string, string>) => `${name} ${state}`);
  }

  /** Where studies go in the user's home at the site. */
  get root(): string {
    return path.join(this.#site.home, 'maestro-studies', path.basename(this.directory));
  }

  /** The only study that there is at the site of this checkout's; undefined if there is none yet. */
  get studyPath(): string | undefined {
    const names = existsSync(this.root) ? readdirSync(this.root).filter((name) => !name.startsWith('.')) : [];
    if (names.length > 1) throw new Error(`there are several studies: ${names.join(', ')}`);
    return names[0] === undefined ? undefined : path.join(this.root, names[0]);
  }

  has(name: string): boolean {
    return this.studyPath !== undefined && existsSync(path.join(this.studyPath, name));
  }

  /** A file of the study. */
  read(name: string): string {
    return readFileSync(path.join(this.studyPath!, name), 'utf8');
  }
}
