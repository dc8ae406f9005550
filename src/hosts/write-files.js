// Writes files, and makes directories, one after another, as tar does: what is in the way of a file is replaced, not written into.
// It runs in a thread of its own; its answer is what went wrong, or null.
const { mkdirSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parentPort, workerData } = require('node:worker_threads');

const { directory, entries } = workerData;
const made = new Set(['.']);

function makeDirectory(name) {
  if (made.has(name)) return;
  makeDirectory(path.dirname(name));
  try {
    mkdirSync(`${directory}/${name}`);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    // Throws unless it is a directory, or a link to one.
    mkdirSync(`${directory}/${name}`, { recursive: true });
  }
  made.add(name);
}

function writeFile(name, text, mode) {
  makeDirectory(path.dirname(name));
  const file = `${directory}/${name}`;
  try {
    writeFileSync(file, text, { flag: 'wx', mode });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    rmSync(file);
    writeFileSync(file, text, { flag: 'wx', mode });
  }
}

let failure = null;
for (const { name, text, mode } of entries) {
  try {
    if (text === undefined) makeDirectory(name);
    else writeFile(name, text, mode);
  } catch ({ code, errno, message }) {
    failure = { name, code, errno, message };
    break;
  }
}
parentPort.postMessage(failure);
