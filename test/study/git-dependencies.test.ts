import { describe, expect, it } from 'vitest';
import { planStudy } from '../../src/run/plan.js';
import { formatProblem } from '../../src/spec/problem.js';
import { Environment } from '../../src/study/environment.js';
import { withoutPassword } from '../../src/study/git-url.js';
import { type Brief, places, validSpec } from '../support/plan.js';

/** The errors of a study with this git dependency, without their place. */
function errorsOf(given: Readonly<Record<string, string>>, variables: Brief['variables'] = {}): string[] {
  const git = [{ name: 'CODE', path: '$(OUTPUT_PATH)', url: 'https://example.org/code.git', ...given }];
  const spec = validSpec({ variables, dependencies: { git }, steps: [{ name: 'a' }, { name: 'b c' }] });
  const { problems } = planStudy(spec, [], places, { hashWorkspaces: false });
  return problems
    .filter(({ severity }) => severity === 'error')
    .map((problem) => formatProblem(problem).replace(/^.*?error: /, ''));
}

describe('the URL of a git dependency', () => {
  it.each([
    'https://example.org/code.git',
    'http://user:token@example.org:8080/code.git',
    'ssh://git@example.org:2222/~ada/code.git',
    'git+ssh://git@example.org/code.git',
    'git://example.org/code.git',
    'file:///repositories/code.git',
    'git@example.org:ada/code.git',
    'example.org:code.git',
    'git@[::1]:code.git',
    '/repositories/code.git',
    './code',
    '../code',
    'code',
    '~/code',
    'https://$(HOST)/code.git',
  ])('may be %s', (url) => expect(errorsOf({ url }, { HOST: 'example.org' })).toEqual([]));

  it.each([
    ['fd::17', 'names a program to be run in place of a repository'],
    ['ext::sh -c "touch /tmp/x"', 'names a program to be run in place of a repository'],
    ['x+y-z.9::https://example.org/code.git', 'names a program to be run in place of a repository'],
    ['--upload-pack=touch x', 'would be an option of git'],
    ['-u', 'would be an option of git'],
    ['ftp://example.org/code.git', 'is of a kind that is not cloned from (ftp://)'],
    ['HTTPS://example.org/code.git', 'is of a kind that is not cloned from (HTTPS://)'],
    ['ext://x', 'is of a kind that is not cloned from (ext://)'],
    ['ssh://-oProxyCommand=touch%20x/code.git', 'names a host that would be an option of ssh'],
    ['ssh://git@-oProxyCommand=x/code.git', 'names a host that would be an option of ssh'],
    ['git@-oProxyCommand=x:code.git', 'names a host that would be an option of ssh'],
    ['https://example.org/a\nb', 'has a control character in it'],
    ['$(KIND)::sh -c x', 'names a program to be run in place of a repository'],
    ['$(WHOLE)', 'names a program to be run in place of a repository'],
  ])('cannot be %j', (url, why) => {
    const errors = errorsOf({ url }, { KIND: 'ext', WHOLE: 'ext::sh -c x' });
    expect(errors).toEqual([expect.stringContaining(`the URL of git dependency 'CODE' ${why}: `)]);
  });

  it('does not show its password in an error', () =>
    expect(errorsOf({ url: 'ftp://ada:secret@example.org/x' })[0]).not.toContain('secret'));

  it.each([
    ['https://user:token@example.org/x', 'https://example.org/x'],
    ['https://token@example.org/x', 'https://example.org/x'],
    ['ssh://git@example.org/x@y', 'ssh://git@example.org/x@y'],
    ['git@example.org:x', 'git@example.org:x'],
    ['https://example.org/a@b:c@d', 'https://example.org/a@b:c@d'],
  ])('is shown without a password: %s', (url, shown) => expect(withoutPassword(url)).toBe(shown));

  it('that is a relative path starts where the study was started', () => {
    const git = [{ name: 'CODE', path: '/src', url: '../code' }];
    const spec = validSpec({ dependencies: { git }, steps: [{ name: 'a' }] });
    expect(new Environment(spec, places).clones(spec, places)[0]!.url).toBe('/code');
  });
});

describe('the place of a git dependency', () => {
  it.each([
    [{ name: 'CODE' }],
    [{ name: 'third/party' }],
    [{ name: '..code' }],
    [{ path: '$(OUTPUT_PATH)/deps/' }],
    [{ path: '$(OUTPUT_PATH)/deps/../other' }],
    [{ path: '/shared/src' }],
    [{ path: '../src' }],
    [{ path: 'src' }],
    [{ path: '$(SPECROOT)/src' }],
  ])('may be %j', (given) => expect(errorsOf(given)).toEqual([]));

  it.each(['../x', '..', 'a/../../x', 'a/../x', '/etc', '.', './'])('is not left by its name: %s', (name) =>
    expect(errorsOf({ name })).toEqual([expect.stringContaining(`a git dependency cannot be called '${name}'`)]),
  );

  it.each([
    ['$(OUTPUT_PATH)/..', 'CODE'],
    ['$(OUTPUT_PATH)/../other', 'CODE'],
    ['$(OUTPUT_PATH)/a/../../b', 'CODE'],
    ['$(OUTPUT_PATH)/../study-2', 'CODE'],
  ])('that begins in the study does not leave it: %s', (path, name) =>
    expect(errorsOf({ path, name })).toEqual([expect.stringContaining('would leave the study directory')]),
  );

  it.each([
    ['$(OUTPUT_PATH)/.conductor', 'fences'],
    ['$(OUTPUT_PATH)', '.conductor'],
    ['$(OUTPUT_PATH)', 'logs'],
    ['$(OUTPUT_PATH)', 'a'],
    ['$(OUTPUT_PATH)', 'b_c'],
    ['$(OUTPUT_PATH)/x/..', 'status.csv'],
  ])('is not one of what the study has itself: %s, %s', (path, name) =>
    expect(errorsOf({ path, name })).toEqual([expect.stringContaining('the study has that name for itself')]),
  );
});
