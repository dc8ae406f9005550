import * as z from 'zod';
import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import type { GeneratorAnswer } from '../../study/pgen/answer.js';
import { parseAs } from '../../util/json.js';
import { quote } from '../../util/shell-quote.js';
import type { Registration } from './registration.js';
import { startFiles, startPath } from './start-files.js';

const fileRead = z.object({ path: z.string(), hash: z.string(), isModule: z.boolean() });

const answer = z.object({
  question: z.object({ file: z.string(), arguments: z.string(), environment: z.string() }),
  files: z.array(fileRead),
  parameters: z.array(
    z.object({ key: z.string(), name: z.string(), values: z.array(z.string()), labels: z.array(z.string()) }),
  ),
}) satisfies z.ZodType<GeneratorAnswer>;

/** What a conductor needs to run a study that another process has begun, but for the inputs that may hold secrets. */
export const startRequestSchema = z.object({
  version: z.literal(1),
  token: z.string(),
  /** The inputs as texts, by name. */
  inputs: z.record(z.string(), z.string()),
  key: z.string(),
  /** The spec's text. */
  text: z.string(),
  /** Absolute paths on the machine that the study was started on. */
  specPath: z.string(),
  workingDirectory: z.string(),
  stageRoot: z.string().optional(),
  /** Of the parameter generator: its file, if that is there, and what it gave. */
  generator: z.object({ name: z.string(), base64: z.string().optional(), answer }).optional(),
  /** The workflow run that started it, and the commit that its results are about; '' if there is none. */
  runUrl: z.string(),
  sha: z.string().default(''),
  runAttempt: z.string().optional(),
});

export type StartRequest = z.output<typeof startRequestSchema>;

/** More than this no request is, with the largest spec and generator. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Reads what a detached start was given.
 *
 * @returns undefined if it is not there, or not what this version writes
 * @throws HostError if the host cannot be asked
 */
export async function readStartRequest(
  host: Host,
  { studyPath, token }: Pick<Registration, 'studyPath' | 'token'>,
): Promise<StartRequest | undefined> {
  const file = `${studyPath}/${startPath(token)}/${startFiles.request}`;
  const purpose = `cannot read ${file} on ${host.name}`;
  const text = await mustRun(host, purpose, `[ ! -f ${quote(file)} ] || head -c ${MAX_BYTES} -- ${quote(file)}`);
  const request = parseAs(startRequestSchema, text.toString());
  return request?.token === token ? request : undefined;
}
