import { oneLine } from '../util/log/plain-text.js';
import type { Annotation } from './annotations.js';
import { firstBytes, firstLines, lastLines } from './bytes.js';
import type { PlacedLine } from './spec-lines.js';

/** An annotation as GitHub's API takes it. */
export interface ApiAnnotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: 'failure' | 'warning';
  readonly title: string;
  readonly message: string;
  readonly raw_details?: string;
}

/** GitHub's limits: bytes of a text, and annotations in one request. */
export const limits = { title: 255, message: 64 * 1024, details: 64 * 1024, output: 65_535, annotations: 50 } as const;

/** Bytes of the texts in one request: what is much larger takes long to send, and is refused by some proxies. */
const mostOfRequest = 512 * 1024;

/** @param path of the spec in the repository, with no `./` before it */
export function toApi(annotation: Annotation, { line, note }: PlacedLine, path: string): ApiAnnotation {
  const { level, title, message, details } = annotation;
  const text = note === undefined ? message : `${message}\n${note}`;
  return {
    path,
    start_line: line,
    end_line: line,
    annotation_level: level,
    title: firstBytes(oneLine(title), limits.title) || 'Study',
    message: firstLines(text, limits.message, '[the rest is cut off]') || '(nothing more is known)',
    ...(details.trim() === ''
      ? {}
      : { raw_details: lastLines(details, limits.details, '[what was before this is cut off]') }),
  };
}

/** Annotations in as many requests as they need, in their order. */
export function chunksOf(annotations: readonly ApiAnnotation[]): ApiAnnotation[][] {
  const chunks: ApiAnnotation[][] = [];
  let bytes = 0;
  for (const annotation of annotations) {
    const more = Buffer.byteLength(JSON.stringify(annotation));
    const last = chunks.at(-1);
    if (last === undefined || last.length === limits.annotations || bytes + more > mostOfRequest) {
      chunks.push([annotation]);
      bytes = more;
    } else {
      last.push(annotation);
      bytes += more;
    }
  }
  return chunks;
}
