import { describe, expect, it } from 'vitest';
import { GitHubServer } from './github-api.js';

const sha = 'a'.repeat(40);
const annotation = { path: 'a', start_line: 1, end_line: 1, annotation_level: 'failure', message: 'm' };
const output = { title: 't', summary: 's' };

/** What the server says of a new check run. */
async function complaintsOf(body: object): Promise<{ status: number; complaints: readonly string[] }> {
  const github = await GitHubServer.start();
  const { status } = await fetch(`${github.url}/repos/octo/studies/check-runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${github.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status, complaints: github.complaints };
}

describe("the stand-in for GitHub's API", () => {
  it('takes what GitHub takes', async () => {
    const body = { name: 'n', head_sha: sha, output: { ...output, annotations: Array(50).fill(annotation) } };
    expect(await complaintsOf(body)).toEqual({ status: 201, complaints: [] });
  });

  for (const [what, body] of [
    ['a missing key', { name: 'n' }],
    ['an unknown key', { name: 'n', head_sha: sha, headSha: sha }],
    ['a value that is none', { name: 'n', head_sha: sha, conclusion: 'timedout' }],
    ['a time that is none', { name: 'n', head_sha: sha, started_at: 'now' }],
    ['51 annotations', { name: 'n', head_sha: sha, output: { ...output, annotations: Array(51).fill(annotation) } }],
    [
      'a summary of too many characters',
      { name: 'n', head_sha: sha, output: { title: 't', summary: 's'.repeat(65_536) } },
    ],
    ['a summary of too many bytes', { name: 'n', head_sha: sha, output: { title: 't', summary: 'ä'.repeat(40_000) } }],
    [
      'a title of too many bytes',
      { name: 'n', head_sha: sha, output: { ...output, annotations: [{ ...annotation, title: 'ä'.repeat(128) }] } },
    ],
    [
      'a line that is none',
      { name: 'n', head_sha: sha, output: { ...output, annotations: [{ ...annotation, start_line: 0 }] } },
    ],
  ] as const) {
    it(`refuses ${what}, and remembers that`, async () => {
      const { status, complaints } = await complaintsOf(body);
      expect(status).toBe(422);
      expect(complaints).toHaveLength(1);
    });
  }
});
