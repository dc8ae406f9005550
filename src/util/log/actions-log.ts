import * as core from '@actions/core';
import type { Problem } from '../../spec/problem.js';
import type { Log, Place } from './log.js';
import { inert, oneLine, printable } from './plain-text.js';

/** GitHub shows ten annotations of each kind for a step and drops the others; the tenth is reserved for the result. */
const MAX_ANNOTATIONS = 9;

/** GitHub cuts annotations after this many characters. */
const longestAnnotation = 4096;

/**
 * How a problem on a line of a file is shown: `commands`, as an annotation by a workflow command; `lines`, as a line of
 * the log; `kept`, as a line of the log, and it becomes an annotation later if the check run cannot show it.
 */
export type Placing = 'commands' | 'lines' | 'kept';

/** The log of an Actions job: a group for each phase, and workflow commands for problems. */
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

  /** The problems of the spec that have been logged. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /**
   * Sets the path of the spec in the repository, for annotations; undefined if the spec is not in the repository.
   *
   * @param shown the path of the spec in problems and messages
   */
  placeSpec(shown: string, path: string | undefined): void {
    this.#spec = { shown, path };
  }

  /** Writes the kept problems as annotations. */
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

  /** Adds the place to the message if the file is not in the repository. */
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
