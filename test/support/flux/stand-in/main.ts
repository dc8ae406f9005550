// The stand-in for the command `flux`. The wrapper that starts it gives its own directory as the first word.
import { type Environment, Failure, type Run } from './command.js';

const [directory, name = '', ...words] = process.argv.slice(2);

const versions = (environment: Environment) =>
  [
    'commands:    \t\t0.88.0',
    'libflux-core:\t\t0.88.0',
    ...(environment.FLUX_URI === undefined ? [] : ['broker:  \t\t0.88.0', `FLUX_URI:\t\t${environment.FLUX_URI}`]),
    'build-options:\t\t+stand-in\n',
  ].join('\n');

const version: Run = async (_, environment) => {
  process.stdout.write(versions(environment));
  return 0;
};

/** Each is loaded when it is wanted: most take no broker, and should be quick. */
const commands: Readonly<Record<string, () => Promise<Run>>> = {
  version: async () => version,
  '--version': async () => version,
  '-V': async () => version,
  start: async () => (await import('./start.js')).start(directory!),
  getattr: async () => (await import('./getattr.js')).getattr,
  relay: async () => (await import('./relay.js')).relay,
  uri: async () => (await import('./uri.js')).uri,
  jobs: async () => (await import('./jobs.js')).jobs,
  cancel: async () => (await import('./jobs.js')).cancel,
  submit: async () => (await import('./submit.js')).submit,
  run: async () => (await import('./submit.js')).run,
  job: async () => (await import('./submit.js')).job,
};

try {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) throw new Failure(`flux: \`${name}' is not a flux command.  See 'flux --help'`);
  process.exitCode = await (await load())(words, process.env);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  if (error.message !== '') process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}
