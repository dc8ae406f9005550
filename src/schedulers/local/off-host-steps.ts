import type { Clock } from '../../util/clock.js';
import { machineOf, type StepProcess } from './supervisor-protocol.js';

/** Steps on other machines are logged only after this time, because most have ended and their end is read by then. */
const NOTICE_DELAY_MS = 1_000;

/** A cancelled step that cannot be reached is given up after this time, unless its end is read first. */
const GIVE_UP_DELAY_MS = 5_000;

export interface OffHostListener {
  /** Logs a line. */
  readonly log: (line: string) => void;
  /** A cancelled step is no longer waited for; `note` is a message about what it may still do. */
  readonly onGivenUp: (key: string, note: string) => void;
}

interface FarStep {
  readonly process: StepProcess;
  readonly stopNotice: () => void;
  stopGrace: (() => void) | undefined;
}

/**
 * Steps whose processes are on another machine or in another container, for example after the user changed the login
 * node. Only the records of their launchers are visible, which may never come, and the processes cannot be ended from
 * here.
 */
export class OffHostSteps {
  readonly #clock: Clock;
  readonly #listener: OffHostListener;
  /** By the key of the job. */
  readonly #steps = new Map<string, FarStep>();
  /** The keys of steps that have been logged. */
  readonly #told = new Set<string>();

  constructor(clock: Clock, listener: OffHostListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /**
   * Adds a step that was found on another machine or in another container. May be called again.
   *
   * @param name the name of the step
   * @param here the present host, if it is known
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
        `${name} runs, or ran, ${where}, ${wordsOf(process)}: how it ends is known only once its launcher there has recorded it`,
      );
    };
    this.#steps.set(key, { process, stopNotice: this.#clock.after(NOTICE_DELAY_MS, tell), stopGrace: undefined });
  }

  /** Marks a step as cancelled; does nothing for a step on this host. */
  end(key: string): void {
    const step = this.#steps.get(key);
    if (step === undefined || step.stopGrace !== undefined) return;
    step.stopGrace = this.#clock.after(GIVE_UP_DELAY_MS, () => {
      this.delete(key);
      this.#listener.onGivenUp(key, `it may still run on ${wordsOf(step.process)}`);
    });
  }

  /** Removes a step that has ended or was found on this host. */
  delete(key: string): void {
    const step = this.#steps.get(key);
    step?.stopNotice();
    step?.stopGrace?.();
    this.#steps.delete(key);
  }
}

/** Where a process is, for messages. */
export function wordsOf(process: StepProcess): string {
  return `${machineOf(process)} (pid ${process.pid})`;
}
