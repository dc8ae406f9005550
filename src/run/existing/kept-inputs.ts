import path from 'node:path';
import * as z from 'zod';
import { limitsOf } from '../../conductor/policy.js';
import type { Overlays } from '../../spec/overlay.js';
import { Source } from '../../spec/source.js';
import { parseAs } from '../../util/json.js';
import type { StudyContext } from '../prepare.js';

/** Where what a study was planned with is kept, relative to its directory. */
export const keptPath = '.conductor/inputs.json';

const overlay = z.object({ file: z.string(), text: z.string() });

const schema = z.object({
  version: z.literal(1),
  /** The name of the copy of the spec in the study directory, and the path that the user gave. */
  spec: z.object({ file: z.string(), shown: z.string() }),
  overlays: z.object({
    parameters: overlay.optional(),
    variables: overlay.optional(),
    batch: overlay.optional(),
  }),
  /** Paths of the machine that the study was started on. */
  specPath: z.string(),
  workingDirectory: z.string(),
  stageRoot: z.string().optional(),
  hashWorkspaces: z.boolean(),
  limits: z.object({ throttle: z.int(), restartLimit: z.int() }),
  /** The parameter generator, as the user gave its path. */
  generator: z.string().optional(),
  /** The other inputs as texts, by name, and the names of those that may hold secrets; earlier versions kept neither. */
  inputs: z.record(z.string(), z.string()).optional(),
  withheld: z.array(z.string()).optional(),
});

/** What a study was planned with besides its spec, as far as it is kept: nothing of the environment, no token and no key. */
export type KeptInputs = z.infer<typeof schema>;

export type KeptContext = Pick<
  StudyContext,
  'options' | 'overlays' | 'specPath' | 'workingDirectory' | 'stageRoot' | 'pgen' | 'hostInputs'
>;

/** The text that is kept. */
export function keptInputs({
  options,
  overlays,
  specPath,
  workingDirectory,
  stageRoot,
  pgen,
  hostInputs,
}: KeptContext): string {
  const kept: KeptInputs = {
    version: 1,
    spec: { file: path.posix.basename(specPath), shown: options.shownSpec },
    overlays: Object.fromEntries(Object.entries(overlays).map(([name, { file, text }]) => [name, { file, text }])),
    ...{ specPath, workingDirectory, stageRoot },
    hashWorkspaces: options.hashWorkspaces,
    limits: limitsOf(options.policy),
    generator: pgen?.shown,
    // Overlays are kept by themselves, and a generator is not asked again.
    ...(hostInputs && { inputs: { ...hostInputs.plain }, withheld: [...hostInputs.withheld] }),
  };
  return `${JSON.stringify(kept)}\n`;
}

/** @returns undefined if the text is not as this program writes it */
export function parseKept(text: string): KeptInputs | undefined {
  return parseAs(schema, text);
}

export function overlaysIn({ overlays: { parameters, variables, batch } }: KeptInputs): Overlays {
  return {
    ...(parameters && { parameters: new Source(parameters.file, parameters.text) }),
    ...(variables && { variables: new Source(variables.file, variables.text) }),
    ...(batch && { batch: new Source(batch.file, batch.text) }),
  };
}
