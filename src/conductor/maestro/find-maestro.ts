import { programs } from '../../generated/programs.js';
import { run } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { BackendError } from '../../util/errors.js';
import { assignments, quoteAll } from '../../util/shell-quote.js';
import type { MaestroOptions } from './options.js';
import { seriesOf } from './versions.js';

/** What there is on a host of Maestro and of Flux's bindings for its Python. */
export interface FoundMaestro {
  /** The path of `maestro` on PATH; '' if there is none. */
  readonly maestro: string;
  /** What `maestro --version` prints: `maestro 1.2.1`; '' without one. */
  readonly version: string;
  /** The path of its Python; '' if that cannot be found out. */
  readonly python: string;
  /** The version of `flux-python` that this Python imports, `unknown` if it has another kind; '' if it has none. */
  readonly bindings: string;
  readonly python3: string;
  /** Whether python3 has venv and pip, to make an environment with. */
  readonly makesEnvironments: boolean;
  /** The path and the version of `flux`; '' if there is none, or it is not needed. */
  readonly flux: string;
  readonly fluxVersion: string;
  /** The directories of the bindings that come with the host's Flux. */
  readonly fluxPythonPath: string;
}

/** A Maestro that can be run. */
export interface UsableMaestro {
  /** In messages: `maestro 1.2.1`. */
  readonly version: string;
  /** Bash lines that set its environment. */
  readonly exports: string;
  /** Which of the three ways to the bindings it is, for the log; '' if none was needed. */
  readonly how: string;
}

interface Context {
  readonly host: Host;
  readonly options: MaestroOptions;
  /** Whether the study has jobs of Flux. */
  readonly needsFlux: boolean;
  /** The directory on the host that environments are made in. */
  readonly root: string;
  readonly log: (line: string) => void;
}

/** Looks what there is. @throws HostError */
export async function findMaestro(host: Host, needsFlux: boolean): Promise<FoundMaestro> {
  const text = assignments({ needs_flux: needsFlux ? 'yes' : 'no' }) + programs['conductor/maestro/find.sh'];
  const { stdout } = await run(host, text, '', { isForSteps: true });
  const values = new Map(
    stdout
      .toString()
      .split('\n')
      .map((line): [string, string] => [line.split('=')[0]!, line.slice(line.indexOf('=') + 1)]),
  );
  const of = (name: string) => values.get(name) ?? '';
  return {
    ...{ maestro: of('maestro'), version: of('version'), python: of('python'), bindings: of('bindings') },
    ...{ python3: of('python3'), flux: of('flux'), fluxVersion: of('flux_version') },
    makesEnvironments: of('makes_environments') === 'yes',
    fluxPythonPath: of('flux_python_path'),
  };
}

/**
 * Finds a Maestro that can run the study, or makes an environment for it, in the order that Maestro's guide recommends.
 *
 * @throws BackendError with what to do, HostError
 */
export async function prepareMaestro(context: Context): Promise<UsableMaestro> {
  const { options, needsFlux, host, log } = context;
  const found = await findMaestro(host, needsFlux);
  const asItIs = { version: found.version, exports: '', how: '' };
  switch (options.bindings) {
    case 'none':
      checkMaestro(host, found, 'none');
      return asItIs;
    case 'pip':
      return install(context, found);
    case 'system':
      return useSystem(context, found);
    case 'auto': {
      const why = unusable(found, needsFlux);
      if (why === undefined) return { ...asItIs, how: needsFlux ? 'the bindings of Flux that its Python has' : '' };
      log(`${why}: an environment is made for it with pip`);
      try {
        return await install(context, found);
      } catch (error) {
        if (!needsFlux || found.maestro === '' || !(error instanceof BackendError)) throw error;
        log(`${error.message}; the bindings that come with Flux are tried`);
        return useSystem(context, found);
      }
    }
  }
}

/**
 * What would be done for a run, in a few words: nothing is installed.
 *
 * @throws BackendError as `prepareMaestro`, HostError
 */
export async function foreseePreparation(context: Omit<Context, 'log'>, found: FoundMaestro): Promise<string> {
  const { host, options, needsFlux } = context;
  const why = unusable(found, needsFlux);
  const pip = () => {
    checkPip(host, found, needsFlux);
    const bindings = needsFlux ? ` and flux-python ${found.fluxVersion}` : '';
    const place = `${context.root}/.maestro-environments`;
    return `pip installs Maestro${bindings} with ${found.python3}, once, in ${place} (it needs the network)`;
  };
  const system = async () => (await useSystem(context, found)).how || 'as it is';
  switch (options.bindings) {
    case 'none':
      checkMaestro(host, found, 'none');
      if (why !== undefined) throw new BackendError(why, 'choose `bindings: auto`, or add them with `setup`');
      return 'as it is';
    case 'pip':
      return pip();
    case 'system':
      return system();
    case 'auto':
      if (why === undefined) return needsFlux ? `its Python has the bindings of Flux (${found.bindings})` : 'as it is';
      try {
        return `${why}: ${pip()}`;
      } catch (error) {
        if (!needsFlux || found.maestro === '' || !(error instanceof BackendError)) throw error;
        return system();
      }
  }
}

/** Why the Maestro on PATH cannot run the study; undefined if it can. */
export function unusable(found: FoundMaestro, needsFlux: boolean): string | undefined {
  if (found.maestro === '') return 'there is no `maestro` on PATH';
  if (seriesOf(found.version) === undefined) return unsupported(found);
  if (!needsFlux) return undefined;
  if (found.bindings === '') return `the Python of ${found.maestro} has no bindings of Flux`;
  if (found.bindings === 'unknown' || fits(found.bindings, found.fluxVersion)) return undefined;
  return `the Python of ${found.maestro} has bindings of Flux ${found.bindings}, and Flux is ${found.fluxVersion}`;
}

/** Whether bindings are for a version of Flux: the first two numbers count. */
function fits(bindings: string, flux: string): boolean {
  const series = (version: string) => version.split('.').slice(0, 2).join('.');
  return flux === '' || series(bindings) === series(flux);
}

/** What flux-python imports and does not ask pip for. */
const bindingsNeed = ['ply'];

/** @throws BackendError if the Maestro on PATH cannot be run */
function checkMaestro(host: Host, found: FoundMaestro, bindings: string): void {
  if (found.maestro === '') throw noMaestro(host, `bindings is ${bindings}`);
  if (seriesOf(found.version) === undefined) {
    throw new BackendError(
      unsupported(found),
      'load another one in `setup` (a module, Spack, a virtual environment), or choose `bindings: pip`',
    );
  }
}

function unsupported({ maestro, version }: FoundMaestro): string {
  const said = version === '' ? 'prints no version' : `is \`${version.slice(0, 200)}\``;
  return `${maestro} ${said}, and 1.1 or a later 1.x is needed`;
}

/** @throws BackendError if pip can make no environment */
function checkPip(host: Host, { python3, makesEnvironments, flux }: FoundMaestro, needsFlux: boolean): void {
  const others = 'load a Maestro in `setup` (a module, Spack, a virtual environment)';
  if (python3 === '') {
    throw new BackendError(`there is no python3 on PATH on ${host.name} to make an environment with`, others);
  }
  if (!makesEnvironments) {
    throw new BackendError(
      `${python3} on ${host.name} has no venv and pip to make an environment with`,
      `install them (python3-venv on Debian), or ${others}`,
    );
  }
  if (needsFlux && flux === '') {
    throw new BackendError(`there is no \`flux\` on PATH on ${host.name}`, 'add it with `setup` (`module load flux`)');
  }
}

async function install(context: Context, found: FoundMaestro): Promise<UsableMaestro> {
  const { host, options, needsFlux, root, log } = context;
  const { fluxVersion, flux } = found;
  checkPip(host, found, needsFlux);
  const maestro = options.version === '' ? 'maestrowf>=1.1,<2' : `maestrowf==${options.version}`;
  const requirements = needsFlux ? [maestro, `flux-python==${fluxVersion}`, ...bindingsNeed] : [maestro];
  // A version that was never released may have release candidates.
  const candidates = needsFlux
    ? ['--', '--pre', maestro, `flux-python>=${fluxVersion}rc0,<=${fluxVersion}`, ...bindingsNeed]
    : [];
  const name = ['maestro', options.version || 'newest', ...(needsFlux ? ['flux', fluxVersion] : [])].join('-');
  const directory = `${root}/.maestro-environments`;
  const text =
    `${assignments({ directory, name })}set -- ${quoteAll([...requirements, ...candidates])}\n` +
    programs['conductor/maestro/environment.sh'];
  const { code, stdout, stderr } = await run(host, text);
  const path = `${directory}/${name}`;
  const byHand = `python3 -m venv ${path} && ${path}/bin/pip install ${quoteAll(requirements)}`;
  if (code !== 0) {
    throw new BackendError(
      `no environment for Maestro can be made on ${host.name}: ${stderr.trim().split('\n').at(-1) || `exit ${code}`}`,
      `by hand: \`${byHand}\`; without a network, load a Maestro with the bindings of Flux in \`setup\` (Spack, a module), or choose \`bindings: system\``,
    );
  }
  const said = stdout.toString().trim();
  if (said === 'second') log(`there is no flux-python ${fluxVersion}: its newest release candidate was installed`);
  if (said !== 'there') log(`made ${path}; by hand: ${byHand}`);
  const bin = `export PATH=${quoteAll([`${path}/bin`])}:"$PATH"\n`;
  const exports = needsFlux ? await withLibraries(host, bin, `${path}/bin/python`, flux) : bin;
  const { stdout: version } = await run(host, `${exports}maestro --version`, '', { isForSteps: true });
  return { version: version.toString().trim(), exports, how: `the environment ${path}` };
}

/**
 * The environment in which bindings from PyPI find Flux's libraries, which may be where nothing looks for them.
 *
 * @param flux the path of `flux`
 * @throws BackendError if they cannot be imported
 */
async function withLibraries(host: Host, exports: string, python: string, flux: string): Promise<string> {
  const root = flux.replace(/\/bin\/flux$/, '');
  const libraries = ['lib', 'lib64'].map((name) => `${root}/${name}`).join(':');
  const further = `${exports}export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}"${quoteAll([libraries])}\n`;
  if ((await importFailure(host, exports, python)) === undefined) return exports;
  const failure = await importFailure(host, further, python);
  if (failure === undefined) return further;
  throw new BackendError(
    `the bindings of Flux that pip installed cannot be used: ${failure}`,
    'add the directory of libflux-core.so to LD_LIBRARY_PATH in `setup`, or choose `bindings: system`',
  );
}

/** The last words of a Python that cannot import Flux's bindings; undefined if it can. */
async function importFailure(host: Host, exports: string, python: string): Promise<string | undefined> {
  const { code, stderr } = await run(host, `${exports}${quoteAll([python, '-c', 'import flux.job'])}`, '', {
    isForSteps: true,
  });
  return code === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `exit ${code}`);
}

async function useSystem(
  { host, needsFlux }: Pick<Context, 'host' | 'needsFlux'>,
  found: FoundMaestro,
): Promise<UsableMaestro> {
  const { maestro, version, fluxPythonPath, python } = found;
  checkMaestro(host, found, 'system');
  if (!needsFlux) return { version, exports: '', how: '' };
  if (fluxPythonPath === '') {
    throw new BackendError(
      `\`flux env\` on ${host.name} names no directory of Python bindings`,
      'choose `bindings: pip`, or load a Maestro with the bindings of Flux in `setup`',
    );
  }
  const exports = `export PYTHONPATH="\${PYTHONPATH:+$PYTHONPATH:}"${quoteAll([fluxPythonPath])}\n`;
  const failure = await importFailure(host, exports, python === '' ? 'python3' : python);
  if (failure !== undefined) {
    throw new BackendError(
      `the bindings that come with Flux cannot be used by the Python of ${maestro}: ${failure}`,
      'they need cffi and pyyaml for the same version of Python: install those, or choose `bindings: pip`',
    );
  }
  return { version, exports, how: `the bindings of Flux in ${fluxPythonPath}` };
}

function noMaestro(host: Host, why: string): BackendError {
  return new BackendError(
    `there is no \`maestro\` on PATH on ${host.name}, and ${why}`,
    'add it with `setup` (a module, Spack, a virtual environment), or choose `bindings: pip`',
  );
}
