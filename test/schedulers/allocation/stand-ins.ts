import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Host } from '../../../src/hosts/host.js';
import { Allocation, type AllocationOptions } from '../../../src/schedulers/allocation/allocation.js';
import type { AllocationRequest } from '../../../src/schedulers/allocation/request.js';
import type { Allocator, DescribedAllocation } from '../../../src/store/journal/records.js';
import { systemClock } from '../../../src/util/clock.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** A study directory, as it is when an allocation is wanted for it. */
export function newStudy(): string {
  const studyPath = path.join(temporaryDirectory(), "a 'study'");
  mkdirSync(path.join(studyPath, '.conductor'), { recursive: true });
  return studyPath;
}

export function requestOf(kind: Allocator, changes: Partial<AllocationRequest> = {}): AllocationRequest {
  const nothing = { tasks: undefined, gpus: undefined, minutes: 5, queue: undefined, bank: undefined };
  return { with: kind, nodes: 1, ...nothing, args: [], keep: false, renew: 0, ...changes };
}

export interface Asked {
  readonly allocation: Promise<Allocation>;
  readonly lines: readonly string[];
  readonly cancel: AbortController;
}

/** Asks for an allocation, and keeps what is told of it. */
export function ask(
  host: Host,
  flux: string,
  studyPath: string,
  request: AllocationRequest,
  changes: Partial<AllocationOptions> = {},
): Asked {
  const lines: string[] = [];
  const cancel = new AbortController();
  const allocation = Allocation.submit({
    host,
    flux,
    fluxVersion: '0.88.0',
    request,
    studyPath,
    studyName: 'study',
    number: 1,
    clock: systemClock,
    log: (line) => lines.push(line),
    cancel: cancel.signal,
    ...changes,
  });
  return { allocation, lines, cancel };
}

/** Takes over an allocation, as a later driver of the study, and keeps what is told of it. */
export function takeOver(host: Host, flux: string, studyPath: string, data: DescribedAllocation) {
  const lines: string[] = [];
  const cancel = new AbortController();
  const request = requestOf(data.kind);
  const study = { studyPath, studyName: 'study', clock: systemClock };
  const tell = (line: string) => void lines.push(line);
  const allocation = Allocation.attach(
    { host, flux, fluxVersion: data.fluxVersion, request, ...study, log: tell, cancel: cancel.signal },
    data,
  );
  return { allocation, lines, cancel };
}

/** Writes bash scripts as commands. */
export function commands(directory: string, scripts: Readonly<Record<string, string>>): void {
  for (const [name, script] of Object.entries(scripts)) {
    const file = path.join(directory, name);
    writeFileSync(file, `#!/bin/bash\n${script}\n`);
    chmodSync(file, 0o755);
  }
}
