import type { PyValue } from '../spec/python.js';

/** Applies `change` to every text in a value, into lists and the values of mappings; returns the same value if nothing changed. */
export function mapText(value: PyValue, change: (text: string) => string): PyValue {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) {
    const mapped = value.map((item) => mapText(item, change));
    return mapped.every((item, i) => item === value[i]) ? value : mapped;
  }
  if (value instanceof Map) {
    const mapped = new Map([...value].map(([key, item]): [PyValue, PyValue] => [key, mapText(item, change)]));
    return [...mapped].every(([key, item]) => item === value.get(key)) ? value : mapped;
  }
  return value;
}

/** `mapText` over the values of a step's run block. */
export function mapRun(
  run: ReadonlyMap<string, PyValue>,
  change: (text: string) => string,
): ReadonlyMap<string, PyValue> {
  return new Map([...run].map(([key, value]): [string, PyValue] => [key, mapText(value, change)]));
}

/** Every text in a value. */
export function* textsIn(value: PyValue | ReadonlyMap<string, PyValue>): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsIn(item);
  else if (value instanceof Map) for (const item of value.values()) yield* textsIn(item);
}
