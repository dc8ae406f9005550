import { errno, FluxError } from '../../../../src/flux/errors.js';
import { getAttribute } from '../../../../src/flux/requests.js';
import { Failure, type Run, socketOf, withHandle } from './command.js';
import { readFacts } from './facts.js';

const usage = 'Usage: flux getattr name\nGet broker attribute\n  -h, --help             Display this message.';

/** `flux getattr NAME` */
export const getattr: Run = async (words, environment) => {
  const [name, ...others] = words;
  if (name === undefined || others.length > 0) throw new Failure(usage);
  const value = await withHandle(environment, 'flux', async (handle) => {
    const facts = await readFacts(socketOf(environment));
    if (facts !== undefined && name === 'broker.pid') return String(facts.pid);
    if (facts !== undefined && name === 'hostlist') return facts.host;
    return getAttribute(handle, name).catch((error) => {
      if (!(error instanceof FluxError) || error.errno !== errno.ENOENT) throw error;
      throw new Failure(`flux-getattr: ${name}: No such file or directory`);
    });
  });
  process.stdout.write(`${value}\n`);
  return 0;
};
