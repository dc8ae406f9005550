/** Does something with each of many, so many at a time; what they give comes in their order. */
export async function inParallel<T, R>(width: number, many: readonly T[], task: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async () => {
    while (next < many.length) {
      const index = next++;
      results[index] = await task(many[index]!);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}
