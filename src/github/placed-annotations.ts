import { type Annotation, type ApiAnnotation, toApi } from './annotations.js';
import type { CheckRunsApi } from './check-runs-api.js';
import { linesAt } from './spec-lines.js';

/** The spec that annotations are about. */
export interface RanSpec {
  /** In the repository, with `/` and without `./`; undefined if it is not in it: nothing is put on its lines then. */
  readonly path: string | undefined;
  /** As results and problems name it. */
  readonly shown: string;
  /** As it ran. */
  readonly text: string;
}

/** Where lines are looked for. */
export interface Placing {
  /** The commit whose spec is compared with the one that ran; undefined if it is known to be the same. */
  readonly at: string | undefined;
  readonly milliseconds: number;
}

/** Annotations on the lines of the spec at a commit: those that have a place there. */
export async function placed(
  checks: CheckRunsApi,
  annotations: readonly Annotation[],
  { path, text }: RanSpec,
  { at, milliseconds }: Placing,
): Promise<ApiAnnotation[]> {
  if (annotations.length === 0 || path === undefined) return [];
  const place = linesAt(at === undefined ? { kind: 'same' } : await checks.file(path, at, milliseconds), text);
  return annotations.flatMap((annotation) => {
    const line = place(annotation);
    return line === undefined ? [] : [toApi(annotation, line, path)];
  });
}
