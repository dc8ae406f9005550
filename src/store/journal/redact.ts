import type { Entry, StepPatch } from './records.js';

/**
 * An entry without secrets in the reasons that people are told. All else stays: by names, ids, digests and generated parameters the next
 * driver knows what there is.
 */
export function redactedEntry(entry: Entry, redact: (text: string) => string): Entry {
  const redacted = <T extends Pick<StepPatch, 'reason'>>(patch: T): T =>
    patch.reason === undefined ? patch : { ...patch, reason: redact(patch.reason) };
  switch (entry.type) {
    case 'plan':
      return { ...entry, steps: entry.steps.map((step) => ({ ...step, record: redacted(step.record) })) };
    case 'steps': {
      const patches = Object.entries(entry.steps).map(([index, patch]) => [index, redacted(patch)]);
      return { ...entry, steps: Object.fromEntries(patches) };
    }
    case 'cancel':
      return { ...entry, reason: redact(entry.reason) };
    default:
      return entry;
  }
}
