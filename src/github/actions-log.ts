import * as core from '@actions/core';
import type { Log, Place } from '../report/log.js';
import { inert, oneLine, printable } from '../report/plain-text.js';
import type { Problem } from '../spec/problem.js';

/** GitHub shows ten annotations of a kind for a step, and drops the others: the last is kept for the outcome. */
const mostAnnotations = 9;

/** Of a longer one GitHub shows so many characters. */
const longestAnnotation = 4096;

/** The log of an Actions job: a group for each phase, workflow commands for what is wrong. */
export class ActionsLog implements Log {
  readonly #annotate: boolean;
  #open = false;
  #shown = { error: 0, warning: 0 };

  /** @param annotate whether problems become annotations, or lines of the log only */
  constructor(annotate: boolean) {
    this.#annotate = annotate;
  }

  phase(title: string): void {
    this.endPhase();
    core.startGroup(inert(title));
    this.#open = true;
  }

  endPhase(): void {
    if (this.#open) core.endGroup();
    this.#open = false;
  }

  info(text: string): void {
    core.info(inert(text));
  }

  live(_text: (() => string) | undefined): void {}

  problem({ severity, at, message, hint }: Problem): void {
    const text = hint === undefined ? message : `${message} (${hint})`;
    const isFile = !at.file.startsWith('input ');
    if (isFile) this.#command(severity, text, { file: at.file, startLine: at.line, startColumn: at.column });
    else this.#command(severity, `${at.file}, line ${at.line}, column ${at.column}: ${text}`);
  }

  error(message: string, place?: Place): void {
    this.#command('error', message, place && toProperties(place));
  }

  warning(message: string, place?: Place): void {
    this.#command('warning', message, place && toProperties(place));
  }

  #command(kind: 'error' | 'warning', message: string, properties: core.AnnotationProperties = {}): void {
    const placed = properties.file !== undefined;
    if (placed && (!this.#annotate || ++this.#shown[kind] > mostAnnotations)) {
      const title = properties.title === undefined ? '' : `${properties.title}: `;
      core.info(inert(`${properties.file}:${properties.startLine}: ${kind}: ${title}${message}`));
      return;
    }
    const command = kind === 'error' ? core.error : core.warning;
    command(printable(message).slice(0, longestAnnotation), properties);
  }
}

function toProperties({ at, title }: Place): core.AnnotationProperties {
  return { file: at.file, startLine: at.line, title: oneLine(title).slice(0, 255) };
}
