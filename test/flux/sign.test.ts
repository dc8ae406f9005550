import { describe, expect, it } from 'vitest';
import { signNone } from '../../src/flux/jobspec.js';
import { parseJson, property } from '../../src/flux/json.js';
import { recordedConnections } from '../support/flux/recordings.js';

/** What was signed with the mechanism `none`, as it was sent. */
const recorded = recordedConnections.flatMap(({ messages }) =>
  messages.flatMap(({ dir, topic, payload }) => {
    const signed = dir === 'C' && topic === 'job-ingest.submit' ? property(parseJson(payload!), 'J') : undefined;
    return typeof signed === 'string' && signed.endsWith('.none') ? [signed] : [];
  }),
);

describe('a signature of the mechanism none', () => {
  it("is byte by byte what flux's own tools send", () => {
    expect(recorded.length).toBeGreaterThan(20);
    for (const signed of recorded) {
      const [header, jobspec] = signed.split('.').map((part) => Buffer.from(part, 'base64').toString());
      const userid = Number(/userid\0i(\d+)\0/.exec(header!)![1]);
      expect(signNone(jobspec!, userid)).toBe(signed);
    }
  });

  it('keeps every character of the jobspec', () => {
    const jobspec = '{"command":["echo","ƒ \u0001 𝔽"]}';
    const [, encoded] = signNone(jobspec, 1001).split('.');
    expect(Buffer.from(encoded!, 'base64').toString()).toBe(jobspec);
  });
});
