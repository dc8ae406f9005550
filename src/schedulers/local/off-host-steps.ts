import type { Clock } from '../../util/clock.js';
import { machineOf, type StepProcess } from './supervisor-protocol.js';

/** Most such steps have ended, and their end is read within this time: people are told only of the others. */
const NOTICE_DELAY_MS = 1_000;

/** A step that is cancelled, and cannot be reached, is given up after this time unless its end is read before. */
const GIVE_UP_DELAY_MS = 5_000;

export interface OffHostListener {
  /** Takes lines for people. */
  readonly log: (line: string) => void;
  /** A step that was to end is not waited for any more. `note` says, for people, what may be of it. */
  readonly onGivenUp: (key: string, note: string) => void;
}

interface FarStep {
  readonly process: StepProcess;
  readonly stopNotice: () => void;
  stopGrace: (() => void) | undefined;
}

/**
 * Steps whose processes are on other machines, as after another login node has rebooted, or in other containers. Nothing is seen
 * of them but what their launchers write down, which may be never, and nothing can end them.
 */
export class OffHostSteps {
  readonly #clock: Clock;
  readonly #listener: OffHostListener;
  /** By the key of the job. */
  readonly #steps = new Map<string, FarStep>();
  /** The keys of those that people know of. */
  readonly #told = new Set<string>();

  constructor(clock: Clock, listener: OffHostListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /**
   * A step is found on another machine, or in another container; may be said again.
   *
   * @param name the step's
   * @param here the host that we are on, if that is known
   */
  add(key: string, name: string, process: StepProcess, here = ''): void {
    const known = this.#steps.get(key)?.process;
    if (known?.host === process.host && known.pid === process.pid) return;
    this.delete(key);
    const where = machineOf(process) === machineOf({ host: here }) ? 'in another container' : 'on another machine';
    const tell = () => {
      if (this.#told.has(key)) return;
      this.#told.add(key);
      this.#listener.log(
        `${name} runs, or ran, ${where}, ${wordsOf(process)}: how it ends is known only once its launcher there has written it down`,
      );
    };
    this.#steps.set(key, { process, stopNotice: this.#clock.after(NOTICE_DELAY_MS, tell), stopGrace: undefined });
  }

  /** A step is to end. Nothing comes of that for one that is not far. */
  end(key: string): void {
    const step = this.#steps.get(key);
    if (step === undefined || step.stopGrace !== undefined) return;
    step.stopGrace = this.#clock.after(GIVE_UP_DELAY_MS, () => {
      this.delete(key);
      this.#listener.onGivenUp(key, `it may still run on ${wordsOf(step.process)}`);
    });
  }

  /** A step is over, or is found here. */
  delete(key: string): void {
    const step = this.#steps.get(key);
    step?.stopNotice();
    step?.stopGrace?.();
    this.#steps.delete(key);
  }
}

/** Where a process is, for people. */
export function wordsOf(process: StepProcess): string {
  return `${machineOf(process)} (pid ${process.pid})`;
}
