import type { InputName, Inputs } from './schema.js';

/** How mistakes are told: on the command line, or in a workflow. */
export interface Front {
  readonly nameOf: (name: string) => string;
  /** Whether `@FILE` stands for the text of a file. */
  readonly readsFiles: boolean;
  /** Whether there is such a file, as seen from the working directory. */
  readonly isFile: (name: string) => boolean;
}

const yaml = ['parameters', 'variables', 'batch', 'allocate'] as const satisfies readonly InputName[];

/**
 * Finds the inputs that are a text, and were given the name of a file. What is not the name of a file that is there is not shown: it
 * may be a secret.
 *
 * @returns what is wrong, a line each, and the inputs without them
 */
export function fileNames(
  inputs: Inputs,
  front: Front,
): { readonly errors: readonly string[]; readonly inputs: Inputs } {
  const { nameOf, readsFiles, isFile } = front;
  const errors: string[] = [];
  const wrong: Partial<Record<'parameters' | 'variables' | 'batch' | 'allocate' | 'ssh-key' | 'ssh-known-hosts', ''>> =
    {};
  const file = (name: InputName, text: string, example: string) => `${nameOf(name)} @${isFile(text) ? text : example}`;

  for (const name of yaml) {
    const text = inputs[name].trim();
    if (!isFile(text) && !/^[^\s:{}[\]]+\.(ya?ml|json)$/i.test(text)) continue;
    wrong[name] = '';
    const todo = readsFiles ? `give ${file(name, text, text)}` : 'give its text';
    errors.push(`${nameOf(name)} is YAML, and not the name of a file: ${todo}`);
  }
  const key = inputs['ssh-key'].trim();
  if (key !== '' && !key.includes('\n') && !/-----|PuTTY|^(ssh|ecdsa|sk)-/.test(key)) {
    wrong['ssh-key'] = '';
    const todo = readsFiles
      ? `give ${file('ssh-key', key, '~/.ssh/id_ed25519')}`
      : 'put the text into a secret, and give ${{ secrets.NAME }}';
    errors.push(`${nameOf('ssh-key')} is the text of a private key, and not the name of a file: ${todo}`);
  }
  const known = inputs['ssh-known-hosts'].trim();
  if (known !== '' && !/\s/.test(known)) {
    wrong['ssh-known-hosts'] = '';
    const todo = readsFiles ? `give ${file('ssh-known-hosts', known, '~/.ssh/known_hosts')}` : 'give its lines';
    errors.push(`${nameOf('ssh-known-hosts')} is lines of known_hosts, and not the name of a file: ${todo}`);
  }
  return { errors, inputs: { ...inputs, ...wrong } };
}
