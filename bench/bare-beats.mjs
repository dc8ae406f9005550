// What a conductor that waits does in an hour at the least, sixty times as fast: every ten seconds it looks whether another one has the
// study, writes the lease, looks again, and looks for the lock files. Usage: bare-beats.mjs DIRECTORY; prints its CPU in seconds.
import { mkdirSync } from 'node:fs';
import { open, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEATS = 360;
const PAUSE_MS = 10_000 / 60;

const directory = process.argv[2];
const fences = path.join(directory, 'fences');
mkdirSync(fences, { recursive: true });
const lease = path.join(directory, 'lease');
const before = process.cpuUsage();
for (let beat = 0; beat < BEATS; beat++) {
  await readdir(fences);
  const handle = await open(`${lease}.new`, 'w');
  await handle.writeFile(JSON.stringify({ beat }));
  await handle.close();
  await rename(`${lease}.new`, lease);
  await readdir(fences);
  await sleep(PAUSE_MS / 2);
  await readdir(fences);
  await readdir(directory);
  await sleep(PAUSE_MS / 2);
}
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1e6);
