/** A node of a graph that is drawn in layers, from left to right. */
export interface Placed {
  readonly layer: number;
  /** The middle of the node. */
  readonly y: number;
}

export interface Layout {
  /** By the index of the node. */
  readonly nodes: readonly Placed[];
  /** For each edge the points that it passes, the middles of its two nodes included. */
  readonly edges: readonly (readonly Placed[])[];
  readonly layers: number;
  /** From the upper edge of the first node to the lower of the last. */
  readonly height: number;
}

export interface Sizes {
  readonly height: number;
  readonly gap: number;
}

/** A node, or a place where an edge crosses a layer. */
interface Cell {
  readonly layer: number;
  readonly isNode: boolean;
  readonly before: Cell[];
  readonly after: Cell[];
  y: number;
}

/** How often the layers are reordered, and then moved closer to their neighbours. */
const ORDER_PASSES = 12;
const MOVE_PASSES = 16;

/**
 * Places the nodes of a graph: each in the layer after the last of its predecessors, the nodes of a layer ordered so that few
 * edges cross, and moved towards what they are connected with.
 *
 * @param count how many nodes there are
 * @param edges from, to: indexes of nodes, the first lower than the second (others are left out)
 */
export function layered(count: number, edges: readonly (readonly [number, number])[], sizes: Sizes): Layout {
  const forward = edges.filter(([from, to]) => from < to);
  const layerOf = new Array<number>(count).fill(0);
  const incoming = Array.from({ length: count }, () => [] as number[]);
  for (const [from, to] of forward) incoming[to]!.push(from);
  for (const [node, from] of incoming.entries()) {
    layerOf[node] = from.reduce((layer, before) => Math.max(layer, layerOf[before]! + 1), 0);
  }
  const cell = (layer: number, isNode: boolean): Cell => ({ layer, isNode, before: [], after: [], y: 0 });
  const nodes = layerOf.map((layer) => cell(layer, true));
  const layers: Cell[][] = [];
  const put = (one: Cell) => {
    layers[one.layer] ??= [];
    layers[one.layer]!.push(one);
  };
  for (const node of nodes) put(node);
  const chains = forward.map(([from, to]) => {
    const chain = [nodes[from]!];
    for (let layer = layerOf[from]! + 1; layer < layerOf[to]!; layer++) {
      const passing = cell(layer, false);
      put(passing);
      chain.push(passing);
    }
    chain.push(nodes[to]!);
    for (let i = 1; i < chain.length; i++) {
      chain[i - 1]!.after.push(chain[i]!);
      chain[i]!.before.push(chain[i - 1]!);
    }
    return chain;
  });
  const ordered = orderLayers(layers);
  placeLayers(ordered, sizes);
  return { ...measured(nodes, chains, sizes), layers: ordered.length };
}

/** The layers, ordered so that few edges cross: by the mean place of what their cells are connected with, back and forth. */
function orderLayers(layers: readonly Cell[][]): Cell[][] {
  let current = layers.map((layer) => [...layer]);
  let best = current;
  let fewest = crossings(current);
  for (let sweep = 0; sweep < ORDER_PASSES && fewest > 0; sweep++) {
    const isForward = sweep % 2 === 0;
    current = current.map((layer) => [...layer]);
    const places = placesOf(current);
    for (const layer of isForward ? current : [...current].reverse()) {
      const means = new Map(
        layer.map((one, i) => [
          one,
          mean(
            (isForward ? one.before : one.after).map((other) => places.get(other)!),
            i,
          ),
        ]),
      );
      layer.sort((a, b) => means.get(a)! - means.get(b)!);
      for (const [i, one] of layer.entries()) places.set(one, i);
    }
    const now = crossings(current);
    if (now < fewest) [best, fewest] = [current, now];
  }
  return best;
}

function placesOf(layers: readonly (readonly Cell[])[]): Map<Cell, number> {
  return new Map(layers.flatMap((layer) => layer.map((one, i) => [one, i] as const)));
}

function crossings(layers: readonly (readonly Cell[])[]): number {
  const places = placesOf(layers);
  let count = 0;
  for (const layer of layers) {
    const ends: number[] = [];
    for (const one of layer) {
      const own = one.after.map((other) => places.get(other)!);
      for (const end of own) for (const before of ends) if (before > end) count += 1;
      ends.push(...own);
    }
  }
  return count;
}

function placeLayers(layers: readonly (readonly Cell[])[], { height, gap }: Sizes): void {
  /** What must be between the middles of neighbours. */
  const between = (a: Cell, b: Cell) => ((a.isNode ? height : 0) + (b.isNode ? height : 0)) / 2 + gap;
  const offsets = layers.map((layer) => {
    let offset = 0;
    return layer.map((one, i) => {
      if (i > 0) offset += between(layer[i - 1]!, one);
      return offset;
    });
  });
  for (const [l, layer] of layers.entries()) {
    for (const [i, one] of layer.entries()) one.y = offsets[l]![i]! - offsets[l]!.at(-1)! / 2;
  }
  for (let move = 0; move < MOVE_PASSES; move++) {
    const isForward = move % 2 === 0;
    for (let n = 0; n < layers.length; n++) {
      const l = isForward ? n : layers.length - 1 - n;
      const layer = layers[l]!;
      const wanted = layer.map((one) =>
        mean(
          (isForward ? one.before : one.after).map(({ y }) => y),
          one.y,
        ),
      );
      const least = ascending(wanted.map((y, i) => y - offsets[l]![i]!));
      for (const [i, one] of layer.entries()) one.y = least[i]! + offsets[l]![i]!;
    }
  }
}

function mean(values: readonly number[], otherwise: number): number {
  return values.length === 0 ? otherwise : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The values that never descend and are closest to the given ones: those that do are pooled at their mean. */
function ascending(values: readonly number[]): number[] {
  const pools: { sum: number; size: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, size: 1 };
    for (let last = pools.at(-1); last && last.sum / last.size > pool.sum / pool.size; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, size: last.size + pool.size };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, size }) => new Array<number>(size).fill(sum / size));
}

function measured(nodes: readonly Cell[], chains: readonly (readonly Cell[])[], { height }: Sizes) {
  const cells = [...nodes, ...chains.flat()];
  const edgeOf = ({ isNode, y }: Cell, sign: number) => y + (isNode ? (sign * height) / 2 : sign);
  const top = cells.reduce((least, one) => Math.min(least, edgeOf(one, -1)), Infinity);
  const bottom = cells.reduce((most, one) => Math.max(most, edgeOf(one, 1)), -Infinity);
  const placed = ({ layer, y }: Cell): Placed => ({ layer, y: y - top });
  return {
    nodes: nodes.map(placed),
    edges: chains.map((chain) => chain.map(placed)),
    height: nodes.length === 0 ? 0 : bottom - top,
  };
}
