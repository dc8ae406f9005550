import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { examine } from '../../../src/cli/doctor/doctor.js';
import { inputsSchema } from '../../../src/inputs/schema.js';
import { systemClock } from '../../../src/util/clock.js';
import { plainHost } from '../../support/hosts.js';
import { planOf } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';

interface Installed {
  /** What `maestro --version` prints; undefined if there is none. */
  readonly maestro?: string;
  /** The bindings that its Python has. */
  readonly bindings?: string;
  /** The version of `flux`. */
  readonly flux?: string;
  /** Whether python3 has venv and pip. */
  readonly makesEnvironments?: boolean;
}

interface Asked {
  readonly bindings?: string;
  /** Whether the study has jobs of Flux. */
  readonly isFlux?: boolean;
}

/** Its lines about Maestro, where stand-ins are on PATH. */
async function doctor(installed: Installed, { bindings = 'auto', isFlux = true }: Asked = {}) {
  const directory = temporaryDirectory();
  const bin = path.join(directory, 'bin');
  mkdirSync(bin);
  const put = (name: string, text: string) => writeFileSync(path.join(bin, name), text, { mode: 0o755 });
  const { maestro, flux, makesEnvironments = true } = installed;
  put('python3', `#!/bin/sh\n${makesEnvironments ? 'echo makes_environments=yes' : 'exit 1'}\n`);
  if (maestro !== undefined) {
    const imports = installed.bindings === undefined ? 'exit 1' : `echo bindings=${installed.bindings}`;
    // The kernel runs a Python script by its first line: this one stands in for that Python.
    put('its-python', `#!/bin/sh\ncase $1 in */maestro) echo '${maestro}' ;; *) ${imports} ;; esac\n`);
    put('maestro', `#!${bin}/its-python\n`);
  }
  if (flux !== undefined) put('flux', `#!/bin/sh\n[ "$1" = -V ] && echo 'commands: ${flux}'\n`);
  const { plan } = planOf(
    isFlux ? { batch: { type: 'flux' }, steps: [{ name: 'a', nodes: 1, procs: 1 }] } : { steps: [{ name: 'a' }] },
  );
  const lines: string[] = [];
  const tell = (line: string) => lines.push(line.replaceAll(bin, 'BIN').replaceAll(directory, 'HERE'));
  const log = {
    phase: tell,
    endPhase: () => {},
    info: tell,
    warning: tell,
    error: tell,
    live: () => {},
    problem: () => {},
  };
  const code = await examine({
    inputs: inputsSchema.parse({ spec: 'study.yaml', conductor: 'maestro', bindings }),
    host: plainHost('', { PATH: `${bin}:/usr/bin:/bin` }),
    ...{ clock: systemClock, log, spec: plan?.spec, study: undefined, request: undefined, root: directory },
    cancel: new AbortController().signal,
  });
  return { code, lines: lines.filter((line) => line.includes('maestro')) };
}

const noFlux = { isFlux: false };

describe('doctor with conductor: maestro', () => {
  it('finds Maestro, its version and its Python', async () =>
    expect(await doctor({ maestro: 'maestro 1.2.1' }, noFlux)).toEqual({
      code: 0,
      lines: [
        'ok    maestro: maestro 1.2.1 (BIN/maestro), its Python is BIN/its-python',
        'ok    maestro to use: as it is',
      ],
    }));

  it('says that pip makes an environment if there is none', async () =>
    expect(await doctor({}, noFlux)).toEqual({
      code: 0,
      lines: [
        'ok    maestro: there is none on PATH, python3 is BIN/python3',
        'ok    maestro to use: there is no `maestro` on PATH: pip installs Maestro with BIN/python3, once, in HERE/.maestro-environments (it needs the network)',
      ],
    }));

  it.each([
    [
      {},
      { ...noFlux, bindings: 'none' },
      'there is no `maestro` on PATH on this machine, and bindings is none (add it',
    ],
    [{}, { ...noFlux, bindings: 'system' }, 'there is no `maestro` on PATH on this machine, and bindings is system ('],
    [{ makesEnvironments: false }, noFlux, 'BIN/python3 on this machine has no venv and pip to make an environment'],
    [{ makesEnvironments: false }, { ...noFlux, bindings: 'pip' }, 'BIN/python3 on this machine has no venv and pip'],
    [
      { maestro: 'maestro 1.0.2' },
      { ...noFlux, bindings: 'none' },
      'BIN/maestro is `maestro 1.0.2`, and 1.1 or a later',
    ],
    [{ maestro: 'maestro 2.0.0' }, { ...noFlux, bindings: 'system' }, 'BIN/maestro is `maestro 2.0.0`, and 1.1 or a'],
  ])('fails where a run would: %j, %j', async (installed, asked, message) => {
    const { code, lines } = await doctor(installed, asked);
    expect(code).toBe(1);
    expect(lines.at(-1)).toContain(`FAIL  maestro to use: ${message}`);
  });

  it('has another one installed if that on PATH is too old', async () =>
    expect((await doctor({ maestro: 'maestro 1.0.2' }, noFlux)).lines.at(-1)).toContain(
      'ok    maestro to use: BIN/maestro is `maestro 1.0.2`, and 1.1 or a later 1.x is needed: pip installs Maestro',
    ));

  it.each([
    ['0.88.0', 'ok    maestro with Flux: its Python has the bindings of Flux (0.88.0)'],
    ['0.88.1', 'ok    maestro with Flux: its Python has the bindings of Flux (0.88.1)'],
    [
      '0.50.0',
      'ok    maestro with Flux: the Python of BIN/maestro has bindings of Flux 0.50.0, and Flux is 0.88.0: pip installs Maestro and flux-python 0.88.0',
    ],
    [
      undefined,
      'ok    maestro with Flux: the Python of BIN/maestro has no bindings of Flux: pip installs Maestro and flux-python',
    ],
  ])('looks whether the bindings %s fit Flux', async (bindings, line) => {
    const found = await doctor({ maestro: 'maestro 1.2.1', flux: '0.88.0', ...(bindings && { bindings }) });
    expect(found.lines.at(-1)).toContain(line);
  });

  it.each([
    [{ flux: '0.88.0' }, 'none', 'the Python of BIN/maestro has no bindings of Flux (choose `bindings: auto`'],
    [
      { flux: '0.88.0', bindings: '0.50.0' },
      'none',
      'the Python of BIN/maestro has bindings of Flux 0.50.0, and Flux is',
    ],
    [{ flux: '0.88.0' }, 'system', '`flux env` on this machine names no directory of Python bindings (choose'],
    [{ flux: '0.88.0', makesEnvironments: false }, 'auto', '`flux env` on this machine names no directory of Python'],
    [{}, 'pip', 'there is no `flux` on PATH on this machine (add it with `setup`'],
  ])('fails if the bindings of Flux cannot be had: %j, bindings %s', async (installed, bindings, message) => {
    const { code, lines } = await doctor({ maestro: 'maestro 1.2.1', ...installed }, { bindings });
    expect(code).toBe(1);
    expect(lines.at(-1)).toContain(`FAIL  maestro with Flux: ${message}`);
  });
});
