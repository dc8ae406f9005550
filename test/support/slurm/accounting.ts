import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { plainEnvironment } from '../hosts.js';
import { type Daemons, pathOf } from './daemons.js';

export interface AccountingOptions {
  /** Limits of the user in the account `science`, as sacctmgr takes them: `MaxSubmitJobs=10`. */
  readonly limits?: readonly string[];
  /** Quality-of-service classes besides `normal`, with their limits: `{short: ['MaxSubmitJobsPerUser=2']}`. */
  readonly qos?: Readonly<Record<string, readonly string[]>>;
}

/** The account of the user who runs the tests. */
export const account = 'science';

const programs = ['slurmdbd', 'mariadbd', 'sacctmgr', 'sacct'];
/** The tables that MariaDB has for itself; slurmdbd needs the one of stored procedures. */
const systemTables = '/usr/share/mysql/mysql_system_tables.sql';

/** Whether accounts can be kept here: true, or why not. */
export function installedAccounting(): true | string {
  const missing = programs.filter((name) => pathOf(name) === undefined);
  if (!existsSync(systemTables)) missing.push(systemTables);
  return (
    missing.length === 0 ||
    `there is no ${missing.join(', ')} on this machine: install slurmdbd and mariadb-server-core`
  );
}

/**
 * The daemons that keep accounts: MariaDB with an empty database, whose socket is in a directory of the user's own, so
 * that it needs no passwords; and slurmdbd, which makes its tables in it.
 */
export async function startAccounting(daemons: Daemons, directory: string, port: number): Promise<void> {
  const files = path.join(directory, 'accounting');
  mkdirSync(path.join(files, 'data'), { recursive: true, mode: 0o700 });
  const socket = path.join(files, 'mariadb.socket');
  await startDatabase(daemons, files, socket);
  const configuration = path.join(files, 'slurmdbd.conf');
  writeFileSync(configuration, slurmdbdConfiguration(directory, files, port), { mode: 0o600 });
  const slurmdbd = await daemons.start([pathOf('slurmdbd')!, '-D'], {
    ...plainEnvironment,
    SLURM_CONF: configuration,
    MYSQL_UNIX_PORT: socket,
  });
  await slurmdbd.printed(/slurmdbd version .* started/);
}

async function startDatabase(daemons: Daemons, files: string, socket: string): Promise<void> {
  const tables = path.join(files, 'tables.sql');
  writeFileSync(tables, `create database mysql;\nuse mysql;\n${readFileSync(systemTables, 'utf8')}`);
  const database = await daemons.start(
    [
      pathOf('mariadbd')!,
      '--no-defaults',
      `--user=${userInfo().username}`,
      `--datadir=${files}/data`,
      `--socket=${socket}`,
      `--pid-file=${files}/mariadb.pid`,
      `--init-file=${tables}`,
      '--skip-networking',
      '--skip-grant-tables',
      '--skip-log-bin',
      // It starts within a fraction of a second if it has little to write.
      '--performance-schema=0',
      '--innodb-buffer-pool-size=32M',
      '--innodb-log-file-size=8M',
      '--innodb-flush-log-at-trx-commit=0',
      '--skip-innodb-doublewrite',
    ],
    plainEnvironment,
  );
  await database.printed(/ready for connections/);
}

function slurmdbdConfiguration(directory: string, files: string, port: number): string {
  return [
    'AuthType=auth/munge',
    `AuthInfo=socket=${directory}/munge.socket`,
    'DbdHost=localhost',
    'DbdAddr=127.0.0.1',
    `DbdPort=${port}`,
    // It listens on loopback only.
    'CommunicationParameters=NoInAddrAny',
    `SlurmUser=${userInfo().username}`,
    'StorageType=accounting_storage/mysql',
    'StorageHost=localhost',
    `StorageUser=${userInfo().username}`,
    'StorageLoc=slurm',
    `PidFile=${files}/slurmdbd.pid`,
    '',
  ].join('\n');
}

/** The words for sacctmgr that open the accounts of a cluster. */
export function accountCommands(cluster: string, { limits = [], qos = {} }: AccountingOptions): readonly string[][] {
  const classes = ['normal', ...Object.keys(qos)].join(',');
  return [
    ['add', 'cluster', cluster],
    ...Object.entries(qos).map(([name, own]) => ['add', 'qos', name, ...own]),
    ['add', 'account', account],
    [
      'add',
      'user',
      userInfo().username,
      `Account=${account}`,
      `DefaultAccount=${account}`,
      `QOS=${classes}`,
      ...limits,
    ],
  ];
}
