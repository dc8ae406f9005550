import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The version of the `flux` on PATH; undefined if there is none. */
export function installedFlux(): string | undefined {
  try {
    const said = execFileSync('flux', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /^commands:\s+(\d+\.\d+\.\d+)/m.exec(said)?.[1] ?? 'of an unknown version';
  } catch {
    return undefined;
  }
}

export interface RealBrokerOptions {
  readonly size?: number;
  readonly seconds?: number;
  readonly config?: string;
}

/** A broker of the `flux` on PATH, all to oneself. */
export class RealBroker {
  readonly uri: string;
  readonly #pid: number;
  readonly #group: number;
  readonly #ended: Promise<void>;

  private constructor(uri: string, pid: number, group: number, ended: Promise<void>) {
    this.uri = uri;
    this.#pid = pid;
    this.#group = group;
    this.#ended = ended;
  }

  /**
   * @param size how many brokers it has, each for a node of its own
   * @param seconds how long the instance may live; for ever unless given
   * @param config TOML
   */
  static start({ size = 1, seconds, config }: RealBrokerOptions = {}): Promise<RealBroker> {
    const program = 'echo "uri=$FLUX_URI pid=$(flux getattr broker.pid)"; exec sleep 1000';
    const within = seconds === undefined ? [] : ['flux', 'alloc', '-n1', `-t${seconds}s`];
    const directory = config === undefined ? undefined : mkdtempSync(path.join(tmpdir(), 'flux-config-'));
    if (directory !== undefined) writeFileSync(path.join(directory, 'own.toml'), config!);
    const options = [
      ...(size === 1 ? [] : [`-s${size}`]),
      ...(directory === undefined ? [] : [`--config-path=${directory}`]),
    ];
    const child = spawn('flux', ['start', ...options, ...within, '/bin/sh', '-c', program], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: withoutFlux(process.env),
    });
    const ended = new Promise<void>((resolve) =>
      child.once('exit', () => {
        if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
        resolve();
      }),
    );
    return new Promise((resolve, reject) => {
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += chunk;
        const found = /^uri=(\S+) pid=(\d+)$/m.exec(said);
        if (found) resolve(new RealBroker(found[1]!, Number(found[2]), child.pid!, ended));
      });
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`flux start ended with ${code} before it said where its broker is`)),
      );
    });
  }

  /** What a command of Flux prints in the instance. */
  run(...words: readonly string[]): string {
    return execFileSync('flux', words, {
      encoding: 'utf8',
      env: { ...withoutFlux(process.env), FLUX_URI: this.uri },
    }).trim();
  }

  /** One of its nodes dies. */
  loseNode(rank: number): void {
    process.kill(Number(this.run('exec', `-r${rank}`, 'flux', 'getattr', 'broker.pid')), 'SIGKILL');
  }

  /** As the system does it at the end of an allocation. */
  async shutDown(): Promise<void> {
    process.kill(this.#pid, 'SIGTERM');
    await this.#ended;
  }

  async stop(): Promise<void> {
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.#signal('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(timer);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#group, signal);
    } catch {
      // It is over.
    }
  }
}

/** Whoever runs the tests may do so in a job of another instance. */
function withoutFlux(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(FLUX|PMI|SLURM)_/.test(name)));
}
