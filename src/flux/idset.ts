/** The numbers of an idset (RFC 22): `0-2,5` is 0, 1, 2 and 5. Brackets around it are allowed; what is no idset is empty. */
export function parseIdset(text: string): number[] {
  const ranges = text.replaceAll(/^\[|\]$/g, '');
  if (!/^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$/.test(ranges)) return [];
  return ranges.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  });
}
