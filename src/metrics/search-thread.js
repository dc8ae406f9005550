// What a worker thread runs (search.ts): a text in, what each pattern found out. A regular expression can take for ever, so
// each has a time limit of its own, and the thread that started this one goes on meanwhile.
const { parentPort, workerData } = require('node:worker_threads');
const { runInThisContext } = require('node:vm');

const { timeoutMs, lineBytes, mostMatches } = workerData;
const NEWLINE = 10;
const RETURN = 13;

/** The lines of a text of any bytes, and which of them are cut because they are too long. A lone carriage return begins a line too: progress is often printed over itself. */
function linesOf(bytes, isStartCut, isEndCut) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines = [];
  const tooLong = new Set();
  let start = 0;
  for (let end = 0; end <= buffer.length; end++) {
    const isEnd = end === buffer.length;
    if (!isEnd && buffer[end] !== NEWLINE && buffer[end] !== RETURN) continue;
    // What is cut off at an end of the text may be half a number.
    const isCut = (start === 0 && isStartCut) || (isEnd && isEndCut);
    if (end > start && !isCut) {
      if (end > start + lineBytes) tooLong.add(lines.length);
      lines.push(buffer.toString('utf8', start, Math.min(end, start + lineBytes)));
    }
    start = end + 1;
  }
  return { lines, tooLong };
}

/**
 * What a pattern captures: its group `value`, else its first one, else all that it matches; null of what reaches to where its
 * line is cut, since it may be half a number. Of many matches only those are kept that count: the first, the last, or all.
 */
function search({ lines, tooLong }, source, keep) {
  const pattern = new RegExp(source, 'g');
  const captured = [];
  const at = [];
  const places = [];
  let matches = 0;
  for (let i = 0; i < lines.length; i++) {
    for (const match of lines[i].matchAll(pattern)) {
      matches += 1;
      const place = keep === 'last' ? 0 : captured.length;
      if (place === mostMatches) return { is: 'too-many' };
      const value = match.groups?.value ?? match[1] ?? (match.length > 1 ? '' : match[0]);
      const end = match.index + match[0].length;
      const isCut = tooLong.has(i) && end === lines[i].length && lines[i].endsWith(value);
      captured[place] = isCut ? null : value;
      at[place] = i;
      places[place] = match.index;
      if (keep === 'first') return { is: 'found', captured, at, places, matches };
    }
  }
  return { is: 'found', captured, at, places, matches };
}

/** Only the lines that were matched go back, each once. */
function withLines(found, lines) {
  if (found.is !== 'found') return found;
  const kept = [...new Set(found.at)];
  const indexes = new Map(kept.map((line, i) => [line, i]));
  return { ...found, at: found.at.map((line) => indexes.get(line)), lines: kept.map((line) => lines[line]) };
}

parentPort.on('message', ({ bytes, isStartCut, isEndCut, patterns }) => {
  const text = linesOf(bytes, isStartCut, isEndCut);
  const results = patterns.map(({ source, keep }) => {
    globalThis.searchNow = () => search(text, source, keep);
    try {
      return withLines(runInThisContext('searchNow()', { timeout: timeoutMs }), text.lines);
    } catch (error) {
      return error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? { is: 'too-slow' } : { is: 'failed', why: String(error) };
    }
  });
  parentPort.postMessage(results);
});
