import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Why a directory cannot be written to, or made; undefined if nothing seems to be in the way. Nothing is changed.
 *
 * @param directory an absolute path
 */
export async function obstacleTo(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = path.dirname(at)) {
    try {
      if (!(await stat(at)).isDirectory()) return `${at} is a file`;
      await access(at, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Of what is not there, or is below a file, the directory above tells more.
      if ((code === 'ENOENT' || code === 'ENOTDIR') && at !== '/') continue;
      if (code === 'EACCES' || code === 'EPERM') return `${at} cannot be written to by you`;
      return code === 'EROFS' ? `${at} is on a file system that cannot be written to` : message;
    }
  }
}
