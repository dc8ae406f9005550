import { expect, it } from 'vitest';
import { UploadProgress } from '../../src/run/upload-progress.js';
import { VirtualClock } from '../support/virtual-clock.js';

it('an upload of more than some seconds is told of, with how much of it is done', () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const progress = new UploadProgress({ info: (line) => lines.push(line) }, clock, 4_100_000_000);
  progress.update(12_000_000, 'looking');
  clock.advance(4_999);
  expect(lines).toEqual([]);
  clock.advance(1);
  progress.update(340_000_000, 'sending');
  clock.advance(15_000);
  expect(lines).toEqual(['Reading the tree to stage: 12.0 MB of 4.1 GB', 'Staging: 340.0 MB of 4.1 GB']);
  progress.end();
  clock.advance(60_000);
  expect(lines).toHaveLength(2);
});
