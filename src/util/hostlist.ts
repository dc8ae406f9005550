/** More names are not made of one text: it is no list of the nodes of a job. */
const MAX_HOSTS = 100_000;

/**
 * The names in a list of hosts as Slurm and Flux (RFC 29) write it: `node[1-3,07-09],login` and `r[1-2]n[1-4]`. Each
 * once, in the order of the list. A text that is no list gives none.
 */
export function parseHostlist(text: string): string[] {
  const names: string[] = [];
  for (const part of partsOf(text)) {
    const expanded = expand(part, MAX_HOSTS - names.length);
    if (expanded === undefined) return [];
    names.push(...expanded);
  }
  return [...new Set(names)];
}

/** The hosts of a job in `bjobs -o exec_host`: `16*hosta:16*hostb`, a host as often as it has slots. */
export function parseLsfHosts(text: string): string[] {
  const names = text.split(':').map((part) => part.trim().replace(/^\d+\*/, ''));
  return [...new Set(names.filter((name) => /^[\w.-]+$/.test(name) && name !== '-'))];
}

/** The parts between commas that are in no brackets; none of a text that is no list. */
function partsOf(text: string): string[] {
  const part = String.raw`(?:[\w.-]|\[[\d,-]+\])+`;
  const list = text.trim();
  return new RegExp(`^${part}(?:,${part})*$`).test(list) ? list.match(new RegExp(part, 'g'))! : [];
}

/** @returns undefined if the part is wrong, or has more than `most` names */
function expand(part: string, most: number): string[] | undefined {
  const [, before, ranges, after] = /^([^[\]]*)\[([^[\]]*)\](.*)$/.exec(part) ?? [];
  if (before === undefined) return /^[\w.-]+$/.test(part) && most > 0 ? [part] : undefined;
  const numbers = rangesIn(ranges!, most);
  const tails = after === '' ? [''] : expand(after!, most);
  if (numbers === undefined || tails === undefined || numbers.length * tails.length > most) return undefined;
  return numbers.flatMap((number) => tails.map((tail) => `${before}${number}${tail}`));
}

/** `1-3,07-09`: numbers as wide as the first of their range. */
function rangesIn(text: string, most: number): string[] | undefined {
  const numbers: string[] = [];
  for (const range of text.split(',')) {
    const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range.trim()) ?? [];
    if (first === undefined) return undefined;
    const count = Number(last) - Number(first) + 1;
    if (count < 1 || numbers.length + count > most) return undefined;
    for (let i = 0; i < count; i++) numbers.push(String(Number(first) + i).padStart(first.length, '0'));
  }
  return numbers;
}
