/** What stores of workflow artifacts refuse in a path, and `%` is not among it. */
const refused = /[":<>|*?\r\n]/g;

/** The longest name that file systems take. */
const MAX_NAME_BYTES = 255;

/** A name as artifact stores take it: what they refuse is percent-encoded, as in a URL. */
export function storableName(name: string): string {
  return name.replace(refused, percent);
}

/** The same of a name that may hold a `/` and is to be one of a file. */
export function storableFileName(name: string): string {
  const storable = storableName(name).replaceAll('/', percent);
  return storable === '.' || storable === '..' ? storable.replaceAll('.', percent) : storable;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/**
 * A path's bytes as text. JavaScript's strings hold bytes as `latin1`; of a name that is no UTF-8 those that are not ASCII
 * are percent-encoded.
 */
export function textOf(raw: string): string {
  return raw.split('/').map(nameText).join('/');
}

function nameText(raw: string): string {
  const text = Buffer.from(raw, 'latin1').toString('utf8');
  return isText(raw, text) ? text : raw.replace(/[\x80-\xff]/g, percent);
}

function isText(raw: string, text: string): boolean {
  return Buffer.from(text).toString('latin1') === raw;
}

/**
 * Paths as artifact stores take them, each another one. A name that can stay as it is does, whatever the order; of others
 * that would be equal, or are too long by now, all but one get `~2`, `~3`, … at their end.
 *
 * @param paths relative, in latin1, each once, of files: none is what another one is below
 * @param reserved names that none may have at the top
 */
export function storablePaths(paths: readonly string[], reserved: readonly string[]): ReadonlyMap<string, string> {
  const directories = new Map<string, Names>();
  const namesIn = (directory: string) => {
    const names = directories.get(directory) ?? new Names(directory === '' ? reserved : []);
    directories.set(directory, names);
    return names;
  };
  for (const path of paths) eachName(path, (directory, name) => namesIn(directory).claim(name));
  return new Map(
    paths.map((path) => {
      const stored: string[] = [];
      eachName(path, (directory, name) => stored.push(namesIn(directory).storedAs(name)));
      return [path, stored.join('/')];
    }),
  );
}

function eachName(path: string, call: (directory: string, name: string) => void): void {
  for (let start = 0; ; ) {
    const slash = path.indexOf('/', start);
    call(path.slice(0, Math.max(0, start - 1)), path.slice(start, slash === -1 ? path.length : slash));
    if (slash === -1) return;
    start = slash + 1;
  }
}

/** The names in one directory, in latin1, and as they are stored. */
class Names {
  readonly #taken: Set<string>;
  readonly #stored = new Map<string, string>();

  constructor(reserved: readonly string[]) {
    this.#taken = new Set(reserved);
  }

  /** Keeps a name for itself, if it can be stored. */
  claim(name: string): void {
    const text = nameText(name);
    if (isText(name, text) && storableName(text) === text && !this.#taken.has(text)) this.#store(name, text);
  }

  storedAs(name: string): string {
    const known = this.#stored.get(name);
    if (known !== undefined) return known;
    const whole = storableName(nameText(name));
    let stored = fitting(whole, '');
    for (let number = 2; this.#taken.has(stored); number++) stored = fitting(whole, `~${number}`);
    this.#store(name, stored);
    return stored;
  }

  #store(name: string, stored: string): void {
    this.#taken.add(stored);
    this.#stored.set(name, stored);
  }
}

/** A name with an ending, the name cut so that both fit into `most` bytes. */
export function fitting(name: string, end: string, most = MAX_NAME_BYTES): string {
  const room = most - end.length;
  const bytes = Buffer.from(name);
  if (bytes.length <= room) return name + end;
  // A character that was cut in two is no character.
  return (
    bytes
      .subarray(0, room)
      .toString('utf8')
      .replace(/\ufffd+$/, '') + end
  );
}
