import { connect } from 'node:net';
import { hostname } from 'node:os';
import { errnoName } from '../../../../src/flux/errors.js';
import { Failure, type Run, words as wordsOf } from './command.js';

const usage =
  'Usage: flux relay [OPTIONS] path\nRelay messages between stdio and local://path\n  -h, --help             Display this message.';

/**
 * `flux relay PATH`: bytes between a broker's socket and this process's streams. It ends with its input, and fails when
 * the broker goes first.
 */
export const relay: Run = async (words) => {
  const [path, ...others] = words;
  if (path === undefined) throw new Failure(`flux relay: path argument is required\n${usage}`);
  if (others.length > 0) throw new Failure(usage);
  const failed = (code: string | undefined) => new Failure(`${hostname()}: local://${path}: ${wordsOf(code)}`);
  const socket = connect(path);
  const [first] = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', (chunk) => {
      socket.pause();
      socket.unshift(chunk);
      resolve(chunk);
    });
    socket.once('end', () => reject(failed('ECONNRESET')));
    socket.once('error', (error: NodeJS.ErrnoException) => reject(failed(error.code)));
  });
  if (first !== 0) throw failed(errnoName(first!));
  socket.on('error', () => {});
  process.stdout.on('error', () => {});
  const isInputFirst = await new Promise<boolean>((resolve) => {
    process.stdin.once('end', () => resolve(true));
    process.stdin.once('error', () => resolve(true));
    process.stdout.once('error', () => resolve(true));
    socket.once('close', () => resolve(false));
    socket.pipe(process.stdout);
    process.stdin.pipe(socket);
  });
  socket.destroy();
  process.stdin.destroy();
  if (!isInputFirst) throw new Failure(`${hostname()}: flux_reactor_run: Success`);
  return 0;
};
