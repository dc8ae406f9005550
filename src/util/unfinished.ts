/** Work that may hang, and whether the program may end without it. */
const pending = new Set<Promise<unknown>>();

/**
 * Notes work in the threads that Node has for files. A program whose work hangs there, on a file server that is away, can neither run
 * out of events nor exit: Node waits for its threads.
 *
 * @returns the same promise
 */
export function unfinished<T>(work: Promise<T>): Promise<T> {
  pending.add(work);
  const done = () => pending.delete(work);
  work.then(done, done);
  return work;
}

export function hasUnfinished(): boolean {
  return pending.size > 0;
}
