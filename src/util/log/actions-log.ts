import * as core from '@actions/core';
import type { Problem } from '../../spec/problem.js';
import type { Log, Place } from './log.js';
import { inert, oneLine, printable } from './plain-text.js';

/** GitHub shows ten annotations of a kind for a step, and drops the others: the last is kept for the outcome. */
const MAX_ANNOTATIONS = 9;

/** Of a longer one GitHub shows so many characters. */
const longestAnnotation = 4096;

/**
 * What becomes of what is wrong on a line of a file: an annotation, by a workflow command; a line of the log; or a line, and
 * what it would be an annotation of is kept until it is known whether that is shown elsewhere.
 */
export type Placing = 'commands' | 'lines' | 'kept';

/** The log of an Actions job: a group for each phase, workflow commands for what is wrong. */
export class ActionsLog implements Log {
  readonly #placing: Placing;
  readonly #kept: (() => void)[] = [];
  readonly #problems: Problem[] = [];
  #spec: { readonly shown: string; readonly path: string | undefined } | undefined;
  #open = false;
  #shown = { error: 0, warning: 0 };

  constructor(placing: Placing) {
    this.#placing = placing;
  }

  /** What was said to be wrong with the spec. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /**
   * Says where the spec is in the repository, from which GitHub takes the files of annotations: undefined for nowhere.
   *
   * @param shown as places and problems name it
   */
  placeSpec(shown: string, path: string | undefined): void {
    this.#spec = { shown, path };
  }

  /** What was kept becomes annotations after all. */
  annotateKept(): void {
    for (const annotate of this.#kept.splice(0)) annotate();
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

  problem(problem: Problem): void {
    this.#problems.push(problem);
    const { severity, at, message, hint } = problem;
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
    if (properties.file === undefined) return this.#annotate(kind, message, properties);
    if (this.#placing === 'commands' && this.#hasRoom(kind)) return this.#annotate(kind, message, properties);
    const title = properties.title === undefined ? '' : `${properties.title}: `;
    core.info(inert(`${properties.file}:${properties.startLine}: ${kind}: ${title}${message}`));
    if (this.#placing !== 'kept') return;
    this.#kept.push(() => {
      if (this.#hasRoom(kind)) this.#annotate(kind, message, properties);
    });
  }

  #hasRoom(kind: 'error' | 'warning'): boolean {
    this.#shown[kind] += 1;
    return this.#shown[kind] <= MAX_ANNOTATIONS;
  }

  #annotate(kind: 'error' | 'warning', message: string, properties: core.AnnotationProperties): void {
    const command = kind === 'error' ? core.error : core.warning;
    const { text, placed } = this.#placed(message, properties);
    command(printable(text).slice(0, longestAnnotation), placed);
  }

  /** What has no place in the repository says in words where it is. */
  #placed(message: string, properties: core.AnnotationProperties) {
    const { file, startLine, startColumn: _, ...others } = properties;
    if (file === undefined || file !== this.#spec?.shown) return { text: message, placed: properties };
    const { path } = this.#spec;
    if (path !== undefined) return { text: message, placed: { ...properties, file: path } };
    return { text: `${file}:${startLine}: ${message}`, placed: others };
  }
}

function toProperties({ at, title }: Place): core.AnnotationProperties {
  return { file: at.file, startLine: at.line, title: oneLine(title).slice(0, 255) };
}
