/** What our configuration of the runner's `ssh` says; the user's own says the rest. */
export interface OpensshSettings {
  /** The file with the host keys that count; undefined if those of the user's configuration do. */
  readonly knownHostsFile: string | undefined;
  /** The file of the key to log in with; undefined if the user's configuration says. */
  readonly keyFile: string | undefined;
  /** Whether the key's passphrase is given, by SSH_ASKPASS: everything else that would ask a person is switched off. */
  readonly hasPassphrase: boolean;
  /** The user's own configuration, and the machine's. */
  readonly includes: readonly string[];
}

/**
 * The text of an ssh_config. Of each setting the first value counts (ssh_config(5)), so ours goes before what is included.
 */
export function configText(settings: OpensshSettings): string {
  const { knownHostsFile, keyFile, hasPassphrase, includes } = settings;
  const lines = [
    'Host *',
    `BatchMode ${hasPassphrase ? 'no' : 'yes'}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'NumberOfPasswordPrompts 1',
    'StrictHostKeyChecking yes',
    'UpdateHostKeys no',
    'ConnectTimeout 20',
    'ServerAliveInterval 30',
    'ServerAliveCountMax 3',
    'ForwardAgent no',
    'ForwardX11 no',
    'ClearAllForwardings yes',
    'RequestTTY no',
    'SendEnv -*',
    'ControlPersist no',
    'EscapeChar none',
    ...(knownHostsFile === undefined
      ? []
      : [`UserKnownHostsFile ${word(knownHostsFile)}`, 'GlobalKnownHostsFile /dev/null']),
    ...(keyFile === undefined ? [] : [`IdentityFile ${word(keyFile)}`, 'IdentitiesOnly yes']),
  ];
  // After a `Match all`: an included file may end within a block of its own.
  const included = includes.map((file) => `Match all\nInclude ${word(file)}`);
  return `${[...lines, ...included].join('\n')}\n`;
}

/** A path as ssh_config(5) takes it: in quotes, `%` doubled. */
function word(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}
