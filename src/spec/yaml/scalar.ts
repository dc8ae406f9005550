import type { PyValue } from '../python.js';
import type { Position } from '../source.js';
import type { ScalarNode } from './nodes.js';
import type { Decoded } from './pyyaml-scalars.js';

/** A scalar that knows where each of its characters stands. */
export class Scalar implements ScalarNode {
  readonly kind = 'scalar';
  readonly at: Position;
  readonly value: PyValue;
  readonly text: string;
  readonly style: ScalarNode['style'];
  readonly #runs: Decoded['runs'];
  readonly #positionAt: (offset: number) => Position;

  constructor(
    at: Position,
    value: PyValue,
    decoded: Decoded,
    style: ScalarNode['style'],
    positionAt: (offset: number) => Position,
  ) {
    this.at = at;
    this.value = value;
    this.text = decoded.text;
    this.style = style;
    this.#runs = decoded.runs;
    this.#positionAt = positionAt;
  }

  positionOf(index: number): Position {
    const wanted = Math.max(0, Math.min(index, this.text.length));
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#runs[middle]!.index <= wanted) low = middle;
      else high = middle - 1;
    }
    const run = this.#runs[low];
    return run ? this.#positionAt(run.offset + Math.max(0, wanted - run.index)) : this.at;
  }
}
