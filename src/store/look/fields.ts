/** Takes from an output the fields that NULs end, one after the other. */
export class Fields {
  readonly #output: Buffer;
  #at = 0;

  constructor(output: Buffer) {
    this.#output = output;
  }

  /** The next field; undefined if there is none that is whole. */
  next(): string | undefined {
    const end = this.#output.indexOf(0, this.#at);
    if (end === -1) return undefined;
    const field = this.#output.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return field;
  }

  /** The next fields, those that are missing as ''. */
  take<const Names extends readonly string[]>(...names: Names): Record<Names[number], string> {
    return Object.fromEntries(names.map((name) => [name, this.next() ?? ''])) as Record<Names[number], string>;
  }

  /** All fields that are left. */
  all(): string[] {
    const fields: string[] = [];
    for (let field = this.next(); field !== undefined; field = this.next()) fields.push(field);
    return fields;
  }

  /** The bytes behind the last field that was taken. */
  rest(): Buffer {
    return this.#output.subarray(this.#at);
  }
}
