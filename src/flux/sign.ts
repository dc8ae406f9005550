/**
 * Signs a jobspec with the mechanism `none` (RFC 15), which a broker takes from the owner of its instance only.
 *
 * @param userid on the broker's host
 */
export function signNone(jobspec: string, userid: number): string {
  const header = `version\0i1\0userid\0i${userid}\0mechanism\0snone\0`;
  return `${base64(header)}.${base64(jobspec)}.none`;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
