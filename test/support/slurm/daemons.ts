import { existsSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { plainEnvironment } from '../hosts.js';
import { LeashedDaemon } from '../leash.js';
import { configurationIn } from './configuration.js';

/** The path of a program of this machine; undefined if there is none. */
export function pathOf(program: string): string | undefined {
  const directories = plainEnvironment.PATH!.split(':');
  return directories.map((directory) => path.join(directory, program)).find((file) => existsSync(file));
}

/** The daemons of one Slurm, whose files are in one directory. */
export class Daemons {
  readonly #directory: string;
  readonly #started: LeashedDaemon[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What they have printed so far. */
  get log(): string {
    return this.#started.map(({ log }) => log).join('');
  }

  /**
   * Starts one.
   *
   * @param marker grep's regular expression for an entry of the environment of all that is to end with it
   */
  async start(
    words: readonly string[],
    environment: Readonly<Record<string, string>> = plainEnvironment,
    marker = '',
  ): Promise<LeashedDaemon> {
    const daemon = await LeashedDaemon.start(words, { environment, marker, directory: this.#directory });
    this.#started.push(daemon);
    return daemon;
  }

  async startMunged(): Promise<void> {
    const file = (name: string) => path.join(this.#directory, name);
    const munged = await this.start(
      [
        pathOf('munged')!,
        '--foreground',
        '--num-threads=2',
        `--socket=${file('munge.socket')}`,
        `--key-file=${file('munge.key')}`,
        `--pid-file=${file('munge.pid')}`,
        `--log-file=${file('munge.log')}`,
        `--seed-file=${file('munge.seed')}`,
      ],
      plainEnvironment,
      // It is the last to end, and all that has been started in the environment of this Slurm with it.
      `^SLURM_CONF=${literal(this.#directory)}/`,
    );
    await munged.printed(/Created [0-9]+ work threads/);
  }

  startController(): Promise<LeashedDaemon> {
    return this.start([pathOf('slurmctld')!, '-D', '-f', configurationIn(this.#directory)]);
  }

  /**
   * Starts the slurmd of a node. A job's processes have left slurmd's family, but slurmstepd, which is above them, has the path
   * of slurmd's configuration in its environment, and each node has a path of its own.
   */
  startNode(name: string): Promise<LeashedDaemon> {
    const file = path.join(this.#directory, `${name}.conf`);
    if (!existsSync(file)) symlinkSync(configurationIn(this.#directory), file);
    const words = [pathOf('slurmd')!, '-D', '-f', file, '-N', name];
    return this.start(words, plainEnvironment, `^SLURM_CONF=${literal(file)}$`);
  }

  /** Ends them all, the last one first, and what else runs in the environment of this Slurm. */
  async stop(): Promise<void> {
    for (const daemon of this.#started.toReversed()) await daemon.stop();
    this.#started.length = 0;
  }
}

const literal = (text: string) => text.replaceAll('.', '\\.');
