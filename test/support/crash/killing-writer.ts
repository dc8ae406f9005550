import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { quote } from '../../../src/util/shell-quote.js';

/**
 * When the conductor is killed: as a record of the journal comes to be written, half way, or once it is on the disk; or, late,
 * as it comes to be written, which happens all the same, but only once the next conductor has begun to write.
 */
export const moments = ['before', 'within', 'after', 'late'] as const;
export type Moment = (typeof moments)[number];

export interface KillPoint {
  readonly moment: Moment;
  /** The record, counted by the lines of the journal from 1. */
  readonly record: number;
}

/**
 * Kills a conductor at a record of the journal, by what writes it, which knows what no clock tells: which record the conductor is
 * about to write, or has just written. On another host, or after a `setup`, that is a `dd` that goes before the real one on PATH;
 * else it is the conductor itself, into which killing-fs.cjs is loaded.
 */
export class KillingWriter {
  /** The directory for PATH. */
  readonly bin: string;
  /** What the conductor's Node is started with. */
  readonly nodeArgs = ['--require', path.join(import.meta.dirname, 'killing-fs.cjs')];
  readonly environment: Readonly<Record<string, string>>;
  readonly #control: string;

  /** @param directory for its files */
  constructor(directory: string, journal: string) {
    this.bin = path.join(directory, 'bin');
    this.#control = path.join(directory, 'control');
    this.environment = { MAESTRO_KILLING: this.#control, MAESTRO_KILLING_JOURNAL: journal };
    for (const made of [this.bin, this.#control]) mkdirSync(made, { recursive: true });
    writeFileSync(path.join(this.bin, 'dd'), script(path.join(this.bin, 'dd'), this.#control, journal), {
      mode: 0o755,
    });
  }

  /** Kills this process at that point, once. */
  arm(pid: number, { moment, record }: KillPoint): void {
    this.disarm();
    writeFileSync(path.join(this.#control, 'plan.new'), `${pid} ${moment} ${record}\n`);
    // In one go: the journal may just be written.
    writeFileSync(path.join(this.#control, 'plan'), readFileSync(path.join(this.#control, 'plan.new')));
  }

  disarm(): void {
    for (const name of ['plan', 'fired']) rmSync(path.join(this.#control, name), { force: true });
  }

  /** Whether it has killed. */
  get hasFired(): boolean {
    return existsSync(path.join(this.#control, 'fired'));
  }
}

const script = (own: string, control: string, journal: string) => `#!/bin/bash
own=${quote(own)}
control=${quote(control)}
journal=${quote(journal)}
while read -r real; do [ "$real" = "$own" ] || break; done < <(type -Pa dd)
case " $* " in *fdatasync*) ;; *) exec "$real" "$@" ;; esac
[ ! -e "$control/fired" ] && read -r pid moment record < "$control/plan" || exec "$real" "$@"
for word; do case $word in bs=*) size=\${word#bs=} ;; esac; done
data=$control/data.$$
trap 'rm -f "$data"' EXIT
"$real" bs="$size" count=1 iflag=fullblock of="$data" 2> /dev/null
if (($(cat "$journal" "$data" | grep -c '}$') < record)); then
  "$real" "$@" < "$data"
  exit
fi
records() { grep -c '}$' "$journal"; }
case $moment in
  # Not so that it looks like a whole one.
  within) head -c "$((size / 2))" "$data" | sed '$ s/}*$//' ;;
  after) "$real" "$@" < "$data" ;;
esac
: > "$control/fired"
there=$(records)
kill -KILL "$pid"
if [ "$moment" = late ]; then
  for i in {1..500}; do [ "$(records)" = "$there" ] || break; sleep 0.01; done
  "$real" "$@" < "$data"
fi
exit 1
`;
