import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { parseJson } from '../../../src/flux/json.js';
import { plainEnvironment } from '../hosts.js';
import { temporaryDirectory } from '../temporary.js';

/** A directory with a `flux` that does what a bash script says, and an environment in which it is found. */
export function stubFlux(script: string): { readonly directory: string; readonly environment: Record<string, string> } {
  const directory = temporaryDirectory();
  writeFileSync(path.join(directory, 'flux'), `#!/bin/bash\n${script}\n`);
  chmodSync(path.join(directory, 'flux'), 0o755);
  return { directory, environment: { PATH: `${directory}:${plainEnvironment.PATH}` } };
}

/** What the test makes of one `flux job submit`: an id, or words and a failure. */
export type Answer = { readonly prints: string } | { readonly fails: string };

/** A `flux job submit` that waits for the test to answer. */
export class SubmitStub {
  /** Its path. */
  readonly flux: string;
  /** The urgency and the broker that each was called for. */
  readonly calls: { readonly words: string; readonly uri: string }[] = [];
  /** How many wait for an answer, and the most that ever did. */
  open = 0;
  mostOpen = 0;
  /** Whether what comes is left without an answer for now. */
  isHeld = false;
  readonly #spool = temporaryDirectory();
  readonly #seen = new Set<string>();
  readonly #answer: (jobspec: object) => Answer;

  constructor(answer: (jobspec: object) => Answer) {
    this.#answer = answer;
    const { directory } = stubFlux(
      `call=$(mktemp -d "${this.#spool}/XXXXXX")\n` +
        `echo "$*" > "$call/words"\necho "$FLUX_URI" > "$call/uri"\n` +
        `cat > "$call/part" && mv "$call/part" "$call/jobspec"\n` +
        `until [ -e "$call/answer" ]; do sleep 0.02; done\n. "$call/answer"`,
    );
    this.flux = path.join(directory, 'flux');
    const timer = setInterval(() => this.#look(), 10);
    onTestFinished(() => clearInterval(timer));
  }

  #look(): void {
    if (!existsSync(this.#spool)) return;
    for (const call of readdirSync(this.#spool)) {
      const file = (name: string) => path.join(this.#spool, call, name);
      if (!this.#seen.has(call)) {
        if (!existsSync(file('jobspec'))) continue;
        this.#seen.add(call);
        this.calls.push({
          words: readFileSync(file('words'), 'utf8').trim(),
          uri: readFileSync(file('uri'), 'utf8').trim(),
        });
        this.open += 1;
        this.mostOpen = Math.max(this.mostOpen, this.open);
      }
      if (this.isHeld || existsSync(file('answer'))) continue;
      const answer = this.#answer(parseJson(readFileSync(file('jobspec'), 'utf8')) as object);
      const text = 'prints' in answer ? `echo '${answer.prints}'` : `echo '${answer.fails}' >&2; exit 1`;
      writeFileSync(file('answer.part'), `${text}\n`);
      renameSync(file('answer.part'), file('answer'));
      this.open -= 1;
    }
  }
}
