/**
 * Whether an error's words (of libc, in English) say that files cannot be written for now, or at all: ENOSPC, EDQUOT, EROFS, EIO,
 * ESTALE. That is the disk's fault and not the step's.
 */
export function isOfDisk(words: string): boolean {
  return /No space left|quota exceeded|Read-only file system|Input\/output error|Stale (NFS )?file handle/i.test(words);
}
