/**
 * Whether an error message (of libc, in English) says that files cannot be written: ENOSPC, EDQUOT, EROFS, EIO, ESTALE.
 * Then the step has not failed.
 */
export function isOfDisk(words: string): boolean {
  return /No space left|quota exceeded|Read-only file system|Input\/output error|Stale (NFS )?file handle/i.test(words);
}
