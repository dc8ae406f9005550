/** The allowed schemes, besides `host:path` and paths. Git has three names for `ssh`. */
const schemes = ['https', 'http', 'ssh', 'git', 'file', 'git+ssh', 'ssh+git'];

/** Matches `scheme::address`, for which git runs a remote helper program. */
const helper = /^[A-Za-z0-9+.-]+::/;

const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;

/** Why a URL is refused; undefined if it is allowed. */
export function refusalOf(url: string): string | undefined {
  if ([...url].some((character) => character < ' ' || character === '\x7f')) return 'has a control character in it';
  if (url.startsWith('-')) return 'would be an option of git';
  if (helper.test(url)) return 'names a program to be run in place of a repository';
  const [, name] = scheme.exec(url) ?? [];
  if (name !== undefined && !schemes.includes(name)) return `is of a kind that is not cloned from (${name}://)`;
  const authority = name === undefined || name === 'file' ? url : url.slice(name.length + 3);
  if (isPlainPath(url) || name === 'file') return undefined;
  const host = authority.split('/')[0]!.split('@').at(-1)!;
  return host.startsWith('-') ? 'names a host that would be an option of ssh' : undefined;
}

/** Whether it is a path on the host rather than `scheme://…` or `host:path`. */
export function isPlainPath(url: string): boolean {
  return !scheme.test(url) && !helper.test(url) && !/^[^/]*:/.test(url);
}

/** Removes the user name and the password from a URL, for messages and comparisons. */
export function withoutPassword(url: string): string {
  return url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/@]*:[^/]*@/, '$1').replace(/^(https?:\/\/)[^/@]*@/, '$1');
}
