import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { standInFlux } from '../../support/flux/stand-in-flux.js';
import { plainEnvironment, plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { ask, commands, newStudy, requestOf, takeOver } from './stand-ins.js';

/**
 * LSF's commands as its documentation has them: a job waits until the file `go` is there, and then runs as a process.
 * The words, streams and exit statuses are what LSF is documented, or remembered, to have: no real LSF was tried.
 */
function standInLsf(): { readonly directory: string; readonly file: (name: string) => string } {
  const directory = temporaryDirectory();
  commands(directory, {
    bsub: `cd ${directory}
[ ! -e refuse ] || { echo "nosuch: No such queue. Job not submitted." >&2; exit 255; }
printf '%s\\n' "$*" > asked
while [ $# -gt 0 ]; do case $1 in -J) name=$2 ;; -o) out=$2 ;; esac; shift; done
cat > script
echo "$name" > name
cwd=$OLDPWD
(while [ ! -e go ]; do [ ! -e killed ] || exit; sleep 0.1; done; cd "$cwd"; setsid bash ${directory}/script > "$out" 2>&1 & echo $! > ${directory}/pid; wait $!; echo $? > ${directory}/ended) > /dev/null 2>&1 < /dev/null &
echo "Job <4711> is submitted to queue <pbatch>."`,
    bjobs: `cd ${directory}
[ ! -e down ] || { echo "LSF is down. Please wait ..." >&2; exit 255; }
state() {
  if [ -e ended ]; then [ "$(cat ended)" = 0 ] && echo DONE || echo EXIT
  elif [ -e killed ]; then echo EXIT
  elif [ -e pid ]; then echo RUN
  elif [ -e name ]; then echo PEND; fi
}
now=$(state)
case $* in
  *'stat queue'*4711) [ -n "$now" ] && echo "$now|pbatch|$([ -e pid ] && echo '40*launch1:40*c7')" || { echo "Job <4711> is not found" >&2; exit 255; } ;;
  *-J*) case $now in PEND | RUN) echo 4711 ;; '') echo "Job <x> is not found" >&2; exit 255 ;; *) echo "No unfinished job found" >&2; exit 255 ;; esac ;;
  '-p 4711') printf '%s\\n' 'JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME' '4711    user1   PEND  pbatch     login1                  maestro    Nov 24 20:00' ' New job is waiting for scheduling: 1 host;' ' Job slot limit reached: 3 hosts;' ;;
esac`,
    bkill: `cd ${directory}; touch killed; [ ! -e pid ] || kill -TERM -- -$(cat pid); echo "Job <$1> is being terminated"`,
    jsrun: `printf '%s\\n' "$*" > ${directory}/launched
while [ "$1" != "--smpiargs=-disable_gpu_hooks" ]; do shift; done; shift; exec "$@"`,
  });
  onTestFinished(() => writeFileSync(path.join(directory, 'killed'), ''));
  return { directory, file: (name) => path.join(directory, name) };
}

function stage() {
  const lsf = standInLsf();
  const flux = standInFlux();
  const host = plainHost('', {
    PATH: `${lsf.directory}:${plainEnvironment.PATH}`,
    MAESTRO_ALLOCATION_INTERVAL: '0.2',
  });
  return { lsf, host, flux: `${flux.directory}/flux` };
}

describe('an allocation of LSF', () => {
  it('waits and says why, runs, has an address, and is given back', async () => {
    const { lsf, host, flux } = stage();
    const { allocation: submitted, lines } = ask(host, flux, newStudy(), requestOf('lsf'));
    const allocation = await submitted;
    expect(allocation.id).toBe('4711');
    const address = allocation.uri();
    await until('it is told', () => lines.length > 0);
    expect(lines).toEqual([
      'allocation 4711 waits in pbatch: New job is waiting for scheduling: 1 host; Job slot limit reached: 3 hosts',
    ]);
    writeFileSync(lsf.file('go'), '');
    expect(await address).toMatch(/^ssh:\/\/[^/]+\/.+/);
    expect(readFileSync(lsf.file('launched'), 'utf8')).toMatch(/^-a 1 -c ALL_CPUS -g ALL_GPUS -n 1 --bind=none /);
    expect(await allocation.hasEnded()).toBe(false);
    await allocation.release();
    expect(await allocation.hasEnded()).toBe(true);
  }, 30_000);

  it('is taken over by a later driver as it waits, and as it runs', async () => {
    const { lsf, host, flux } = stage();
    const study = newStudy();
    const { allocation: submitted } = ask(host, flux, study, requestOf('lsf'));
    const data = JSON.parse(JSON.stringify((await submitted).describe()));
    const waits = takeOver(host, flux, study, data);
    const address = (await waits.allocation)!.uri();
    await until('it is told', () => waits.lines.length > 0);
    expect(waits.lines[0]).toMatch(/^allocation 4711 waits in pbatch/);
    writeFileSync(lsf.file('go'), '');
    const uri = await address;
    const runs = await takeOver(host, flux, study, data).allocation;
    expect(await runs!.uri()).toBe(uri);
    expect(runs!.describe()).toMatchObject({ id: '4711', number: 1, studyPath: study });
    await runs!.release();
    expect(await takeOver(host, flux, study, data).allocation).toBeUndefined();
  }, 30_000);

  it('is not taken over if somebody told it to end, but seen to its end', async () => {
    const { lsf, host, flux } = stage();
    const study = newStudy();
    const allocation = await ask(host, flux, study, requestOf('lsf')).allocation;
    writeFileSync(lsf.file('go'), '');
    await allocation.uri();
    writeFileSync(path.join(study, '.conductor/allocation-1.end'), '');
    expect(await takeOver(host, flux, study, allocation.describe()).allocation).toBeUndefined();
    expect(await allocation.hasEnded()).toBe(true);
  }, 30_000);

  it('that may never start is told to, once', async () => {
    const { lsf, host, flux } = stage();
    const bjobs = lsf.file('bjobs');
    const held = "' New job is waiting for scheduling: 1 host;' ' Job slot limit reached: 3 hosts;'";
    const script = readFileSync(bjobs, 'utf8');
    expect(script).toContain(held);
    writeFileSync(bjobs, script.replace(held, "' The job was suspended by the user while pending;'"));
    const { allocation, lines, cancel } = ask(host, flux, newStudy(), requestOf('lsf'));
    const address = (await allocation).uri();
    address.catch(() => {});
    await until('it is told', () => lines.length > 1);
    expect(lines).toEqual([
      'allocation 4711 waits in pbatch: The job was suspended by the user while pending',
      'allocation 4711 may never start (The job was suspended by the user while pending): somebody holds it: it must be resumed (`bresume`)',
    ]);
    cancel.abort();
    await expect(address).rejects.toThrow('not wanted any more');
  }, 30_000);

  it('says when LSF cannot be asked, goes on waiting, and is not over for that', async () => {
    const { lsf, host, flux } = stage();
    writeFileSync(lsf.file('down'), '');
    const { allocation: submitted, lines } = ask(host, flux, newStudy(), requestOf('lsf'));
    const allocation = await submitted;
    const address = allocation.uri();
    await until('it is told', () => lines.length > 0);
    expect(lines).toEqual(['allocation 4711 cannot be asked about: LSF is down. Please wait ...']);
    expect(await allocation.hasEnded()).toBe(false);
    writeFileSync(lsf.file('go'), '');
    expect(await address).toMatch(/^ssh:/);
    rmSync(lsf.file('down'));
    await allocation.release();
  }, 30_000);

  it('that is not listed yet is not over, and one that is not listed any more is', async () => {
    const { lsf, host, flux } = stage();
    const { allocation: submitted, lines } = ask(host, flux, newStudy(), requestOf('lsf'));
    const allocation = await submitted;
    renameSync(lsf.file('name'), lsf.file('hidden'));
    const address = allocation.uri();
    address.catch(() => {});
    await sleep(1000);
    renameSync(lsf.file('hidden'), lsf.file('name'));
    await until('it is told', () => lines.length > 0);
    expect(lines[0]).toContain('waits in pbatch');
    rmSync(lsf.file('name'));
    await expect(address).rejects.toThrow(/it is gone from the queue; last, it waits in pbatch/);
  }, 30_000);

  it("that is refused says so in bsub's own words", async () => {
    const { lsf, host, flux } = stage();
    writeFileSync(lsf.file('refuse'), '');
    const { allocation } = ask(host, flux, newStudy(), requestOf('lsf', { queue: 'nosuch' }));
    await expect(allocation).rejects.toThrow('refused by lsf: nosuch: No such queue. Job not submitted.');
  });

  it('that is cancelled as it waits is given back', async () => {
    const { lsf, host, flux } = stage();
    const { allocation, lines, cancel } = ask(host, flux, newStudy(), requestOf('lsf'));
    const address = (await allocation).uri();
    address.catch(() => {});
    await until('it waits', () => lines.length > 0);
    cancel.abort();
    await expect(address).rejects.toThrow('not wanted any more');
    expect(readFileSync(lsf.file('killed'), 'utf8')).toBe('');
    expect(await (await allocation).hasEnded()).toBe(true);
  }, 30_000);
});
