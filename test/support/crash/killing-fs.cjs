// Loaded into a conductor before it begins (`node --require`). The journal of a study on this machine is written by the conductor
// itself, so this knows what no clock tells: which record is about to be written, or has just been. At the one that the file `plan`
// names the conductor kills itself. What each moment is: killing-writer.ts.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const path = require('node:path');

const { MAESTRO_KILLING: control, MAESTRO_KILLING_JOURNAL: journal } = process.env;
// What the conductor starts is not to know of it.
delete process.env.MAESTRO_KILLING;
delete process.env.MAESTRO_KILLING_JOURNAL;

const textOf = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
const recordsOf = (text) => text.split('\n').filter((line) => line.endsWith('}')).length;

/** The moment at which this process is to end, if the record is among these bytes; undefined if it is not. */
function momentOf(bytes) {
  if (fs.existsSync(path.join(control, 'fired'))) return undefined;
  const [pid, moment, record] = textOf(path.join(control, 'plan')).trim().split(' ');
  if (Number(pid) !== process.pid) return undefined;
  return recordsOf(textOf(journal) + bytes.toString()) < Number(record) ? undefined : moment;
}

function killSelf() {
  fs.writeFileSync(path.join(control, 'fired'), '');
  process.kill(process.pid, 'SIGKILL');
}

/** As if the system had kept the bytes, and wrote them once the next conductor has begun to write. */
function writeLate(bytes) {
  const data = path.join(control, `data.${process.pid}`);
  fs.writeFileSync(data, bytes);
  const size = fs.statSync(journal, { throwIfNoEntry: false })?.size ?? 0;
  const text =
    'for i in {1..500}; do [ "$(stat -c %s "$1")" = "$3" ] || break; sleep 0.01; done; cat "$2" >> "$1"; rm -f "$2"';
  spawn('bash', ['-c', text, 'late', journal, data, String(size)], { detached: true, stdio: 'ignore' });
}

const { open } = fs.promises;
fs.promises.open = async (file, ...rest) => {
  const handle = await open(file, ...rest);
  if (file !== journal) return handle;
  let moment;
  const { write, datasync } = handle;
  handle.write = async (bytes, ...where) => {
    moment = momentOf(bytes);
    if (moment === 'late') writeLate(bytes);
    if (moment === 'within') {
      // Not so that it looks like a whole one.
      const half = bytes.subarray(0, Math.floor(bytes.length / 2)).toString();
      fs.writeSync(handle.fd, half.replace(/}*$/, ''));
    }
    if (moment !== undefined && moment !== 'after') killSelf();
    return write.call(handle, bytes, ...where);
  };
  handle.datasync = async () => {
    await datasync.call(handle);
    if (moment === 'after') killSelf();
  };
  return handle;
};
syncBuiltinESMExports();
