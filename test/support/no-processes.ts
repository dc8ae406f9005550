import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

// Set-up of the unit tests: they start no process, so that they stay fast and need nothing of the machine.

function refuse(): never {
  throw new Error(
    'a unit test starts no process: name its file NAME.host.test.ts, or after another project (test/README.md)',
  );
}

// All asynchronous functions of node:child_process come to this one.
Object.assign(ChildProcess.prototype, { spawn: refuse });
Object.assign(childProcess, { spawnSync: refuse, execFileSync: refuse, execSync: refuse });
syncBuiltinESMExports();
