// Runs scripts with as little as the promises of docs/reliability.md need: a decision is on the disk before it is acted on; a script
// runs once, outlives this process, and how it ended is written down by a process that outlives this one too.
//   node bench/bare-steps.mjs DIRECTORY AT_ONCE < LIST_OF_SCRIPTS
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const [directory, atOnce] = process.argv.slice(2);
const scripts = (await text(process.stdin)).split('\n').filter((line) => line !== '');

// The claim is made if there is none (O_EXCL), has its owner, and is sealed; the exit status is a short write.
const waiter = `set -C
echo $$ > "$1" && : > "$1.sealed" || exit 73
set +C
"$2" > "$1.out" 2> "$1.err"
echo $? > "$1.exit"`;

const journal = await fs.open(path.join(directory, 'journal'), 'a');
let unwritten = [];
let flush;

/** Resolves once the record is on the disk. What comes while one flush is under way shares the next one. */
function note(record) {
  unwritten.push(`${JSON.stringify(record)}\n`);
  flush ??= (async () => {
    await undefined;
    const lines = unwritten.join('');
    unwritten = [];
    await journal.write(lines);
    flush = undefined;
    await journal.datasync();
  })();
  return flush;
}

async function run(index, script) {
  await note({ type: 'start', index, at: Date.now() });
  const words = ['-c', waiter, 'bash', path.join(directory, String(index)), script];
  const child = spawn('bash', words, { detached: true, stdio: 'ignore' });
  const status = await new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject));
  if (status !== 0) throw new Error(`${script}: exit ${status}`);
}

let next = 0;
async function work() {
  let noted;
  while (next < scripts.length) {
    const index = next++;
    await run(index, scripts[index]);
    // The start of the next one goes to the disk together with it.
    noted = note({ type: 'end', index, at: Date.now() });
  }
  await noted;
}

await Promise.all(Array.from({ length: Number(atOnce) }, work));
await journal.close();
