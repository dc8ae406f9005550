import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

const study = `description: {name: early, description: a step}
study:
  - name: run
    description: never runs
    run: {cmd: touch ran}
`;

/** Makes the process send itself a signal as soon as it listens for it, before the rest of the program is loaded. */
const signalsItself = (signal: string) => `const { on } = process;
let isFirst = true;
process.on = (name, ...rest) => {
  const result = on.call(process, name, ...rest);
  if (isFirst && String(name).startsWith('SIG')) process._rawDebug('listens after', process.uptime(), name);
  if (name === '${signal}' && isFirst) {
    isFirst = false;
    process.kill(process.pid, '${signal}');
  }
  if (name === 'uncaughtException' && isFirst) process.exit(99);
  return result;
};
`;

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])(
  '%s cancels the study even while the program is being loaded',
  async (signal) => {
    const cwd = temporaryDirectory();
    writeFileSync(path.join(cwd, 'study.yaml'), study);
    writeFileSync(path.join(cwd, 'signal.cjs'), signalsItself(signal));
    const env = { ...plainEnvironment, HOME: cwd, NODE_OPTIONS: `--require ${path.join(cwd, 'signal.cjs')}` };
    const { code, stdout } = await startBundle(['run', 'study.yaml', '--output-path', 'out'], { cwd, env }).ended;
    expect([code, stdout]).toEqual([3, expect.stringContaining(`cancelled by ${signal}`)]);
    expect(readdirSync(path.join(cwd, 'out/run'))).not.toContain('ran');
  },
);
