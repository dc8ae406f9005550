import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

/** Files larger than this, in bytes, are compared by their size alone. The generator's shim has the same limit. */
export const LARGEST_HASHED_BYTES = 64 * 2 ** 20;

/** Hash of a regular file's contents; undefined for what is none, or cannot be read. */
export function hashFile(file: string): string | undefined {
  try {
    const about = statSync(file);
    if (!about.isFile()) return undefined;
    if (about.size > LARGEST_HASHED_BYTES) return `size:${about.size}`;
    return hashBytes(readFileSync(file));
  } catch {
    return undefined;
  }
}

/** The bytes of a regular file; undefined for what is none, or cannot be read. */
export function readRegularFile(file: string): Buffer | undefined {
  try {
    return statSync(file).isFile() ? readFileSync(file) : undefined;
  } catch {
    return undefined;
  }
}

export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
