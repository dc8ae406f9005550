import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../src/broker/errors.js';
import type { HostFacts } from '../../src/broker/host-facts.js';
import { findBroker } from '../../src/broker/target.js';
import { stubFlux } from '../support/flux/study-flux.js';
import { plainEnvironment, plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

interface Setting {
  readonly wanted?: string;
  readonly inSpec?: string;
  readonly uri?: string;
  /** What the `flux` on PATH does; undefined: there is none. */
  readonly flux?: string;
}

/** Looks for a broker on a machine that is called login1, and login1.example.org. */
function find({ wanted = 'auto', inSpec = '', uri = '', flux }: Setting) {
  const stub = flux === undefined ? undefined : stubFlux(flux);
  const own = uri === '' ? {} : { FLUX_URI: uri };
  const environment = { ...plainEnvironment, ...stub?.environment, ...own };
  const facts: HostFacts = {
    environment,
    userid: 1000,
    names: ['localhost', 'login1.example.org', 'login1.example.org', 'login1'],
    flux: stub === undefined ? '' : `${stub.directory}/flux`,
  };
  return findBroker(plainHost('', environment), facts, wanted, inSpec, {
    tell: () => {},
    cancel: new AbortController().signal,
  });
}

/** The message of the BrokerError that looking for a broker ends with. */
async function failure(setting: Setting): Promise<string> {
  const error = await find(setting).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(BrokerError);
  return (error as Error).message;
}

describe('a broker that is named by its URI', () => {
  it('is where that says, if it is local', async () => {
    expect(await find({ wanted: 'local:///tmp/a b/local-0' })).toEqual({
      uri: 'local:///tmp/a b/local-0',
      socket: '/tmp/a b/local-0',
      why: '`flux: local:///tmp/a b/local-0`',
      isSystem: false,
    });
  });

  it.each(['localhost', 'login1', 'login1.example.org', 'me@login1', 'login1:22', 'me@login1:2222'])(
    'of ssh is local if that is this machine: %s',
    async (name) => {
      expect(await find({ wanted: `ssh://${name}/tmp/flux-AbC/local-0` })).toMatchObject({
        uri: 'local:///tmp/flux-AbC/local-0',
        socket: '/tmp/flux-AbC/local-0',
      });
    },
  );

  it('of ssh is out of reach on another machine, and it is said which', async () => {
    const message = await failure({ wanted: 'ssh://node17/tmp/flux-AbC/local-0' });
    expect(message).toContain('the Flux broker ssh://node17/tmp/flux-AbC/local-0 is on node17');
    expect(message).toContain('login1.example.org');
    expect(message).toContain('(run the study on node17)');
  });

  it.each(['local:', 'local://relative', 'ssh://', 'ssh://node1', 'ssh:///path'])(
    'is refused if that is none, with examples: %s',
    async (wanted) => {
      const message = await failure({ wanted });
      expect(message).toContain(`'${wanted}' is no URI of a Flux broker`);
      expect(message).toContain('local:///run/flux/local');
    },
  );
});

describe('which broker', () => {
  const all = {
    wanted: 'local:///wanted',
    inSpec: 'local:///in-spec',
    uri: 'local:///around',
    flux: 'echo local:///system',
  };

  it.each([
    ['the input', all, 'local:///wanted', '`flux: local:///wanted`', false],
    ['that of the spec', { ...all, wanted: 'auto' }, 'local:///in-spec', 'named by the batch block of the spec', false],
    [
      'that around us',
      { ...all, wanted: 'auto', inSpec: '' },
      'local:///around',
      'the instance that FLUX_URI names (packing its allocation)',
      false,
    ],
    [
      'that around us, if the spec leaves it open too',
      { ...all, wanted: 'auto', inSpec: 'auto' },
      'local:///around',
      'the instance that FLUX_URI names (packing its allocation)',
      false,
    ],
    [
      "the system's",
      { flux: all.flux },
      'local:///system',
      'the system instance, because FLUX_URI is not set (standalone batch jobs)',
      true,
    ],
    [
      "the system's, inside another, if it is asked for",
      { ...all, wanted: 'system' },
      'local:///system',
      '`flux: system`',
      true,
    ],
    [
      "the system's, if the spec asks for it",
      { ...all, wanted: 'auto', inSpec: 'system' },
      'local:///system',
      'named by the batch block of the spec',
      true,
    ],
  ])('is %s, and why', async (_, setting, uri, why, isSystem) => {
    expect(await find(setting)).toEqual({ uri, socket: uri.slice('local://'.length), why, isSystem });
  });

  it('is that of the system by what the installed flux says, which does not see FLUX_URI', async () => {
    const { uri } = await find({
      wanted: 'system',
      uri: 'local:///around',
      flux: '[ "$*" = "getattr local-uri" ] && echo "local:///system${FLUX_URI-}"',
    });
    expect(uri).toBe('local:///system');
  });
});

describe('the system instance', () => {
  it('that does not answer is told with the words of flux, and what to do', async () => {
    const message = await failure({ flux: 'echo "flux-getattr: broker socket connect: Refused" >&2; exit 1' });
    expect(message).toContain('FLUX_URI is not set');
    expect(message).toContain('broker socket connect: Refused');
    expect(message).toMatch(/\(start the study inside an instance .* or name a broker with `flux`\)$/);
  });

  it('that says nothing at all is told too', async () => {
    expect(await failure({ flux: 'exit 3' })).toContain('cannot be reached: exit 3');
  });

  it('without flux anywhere is told with all that was tried, and what to do', async () => {
    const message = await failure({});
    expect(message).toContain('FLUX_URI is not set');
    expect(message).toContain('no `flux` on PATH');
    expect(message).toContain('/run/flux/local');
    expect(message).toContain('module load flux');
  });
});

describe('a broker whose address is in a file', () => {
  function file(text: string): string {
    const name = path.join(temporaryDirectory(), `the broker's address`);
    writeFileSync(name, text);
    return name;
  }

  it('is where that says', async () => {
    expect(await find({ wanted: `file:${file('ssh://login1/tmp/flux-AbC/local-0\n')}` })).toMatchObject({
      uri: 'local:///tmp/flux-AbC/local-0',
      isSystem: false,
    });
  });

  it('is not found if there is no such file, or nothing in it', async () => {
    expect(await failure({ wanted: 'file:/nonexistent/address' })).toMatch(
      /cannot find the Flux broker 'file:\/nonexistent\/address': .*No such file or directory/,
    );
    expect(await failure({ wanted: `file:${file('')}` })).toContain('nothing was said of it');
  });

  it('is refused if that is none', async () => {
    expect(await failure({ wanted: `file:${file('hello')}` })).toContain("'hello' is no URI of a Flux broker");
  });
});

describe('a broker that flux itself has to find', () => {
  it.each(['ƒkMPzwq', 'fkMPzwq/f2', '/', '..', 'pid:4711', 'slurm:17', 'lsf:8', "it's"])(
    'is where `flux uri` says: %s',
    async (wanted) => {
      const flux =
        '[ "$1 $2 $3" = "uri --remote --" ] && [ "$#" = 4 ] && echo "ssh://login1/tmp/$(echo "$4" | base64)"';
      const socket = `/tmp/${Buffer.from(`${wanted}\n`).toString('base64')}`;
      expect(await find({ wanted, flux })).toEqual({
        uri: `local://${socket}`,
        socket,
        why: `\`flux: ${wanted}\``,
        isSystem: false,
      });
    },
  );

  it('may be named in the spec', async () => {
    expect(await find({ inSpec: 'slurm:17', flux: 'echo ssh://login1/tmp/x' })).toMatchObject({ socket: '/tmp/x' });
  });

  it('is not found, in the words of `flux uri`', async () => {
    const flux = 'echo "flux-uri: ERROR: PID 4711 doesn\'t seem to have a FLUX_URI" >&2; exit 1';
    expect(await failure({ wanted: 'pid:4711', flux })).toBe(
      "cannot find the Flux broker 'pid:4711': flux-uri: ERROR: PID 4711 doesn't seem to have a FLUX_URI (it must be a running job or instance on this machine)",
    );
  });

  it('is not found if `flux uri` says several things, in one line', async () => {
    const message = await failure({ wanted: 'slurm:17', flux: 'printf "one\\ntwo\\n" >&2; exit 1' });
    expect(message).toContain('one / two');
    expect(message).not.toContain('\n');
  });

  it('is not found if there is no flux to ask, and it is said what to do', async () => {
    const message = await failure({ wanted: 'slurm:17' });
    expect(message).toContain("cannot find the Flux broker 'slurm:17': there is no `flux` on PATH");
    expect(message).toContain('module load flux');
  });
});
