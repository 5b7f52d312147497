/**
 * Where the functions of a layer lie in the flat parameters: weight `slot` of the edge from `tap` (input, row and column of the
 * kernel, the last innermost) to `output` is element `first + (tap * slots + slot) * padded + output`. The last slot is silu,
 * those before it are the B-splines of `order` on `grid` cells from `low` to `high`.
 */
export interface Curves {
  /** Place and type of the layer. */
  layer: string;
  inputs: number;
  /** Height and width. */
  kernel: [number, number];
  outputs: number;
  first: number;
  slots: number;
  padded: number;
  low: number;
  high: number;
  grid: number;
  order: number;
}

/** A function of a network: how the value at a tap of a layer reaches one of its outputs. */
export interface Edge {
  curves: Curves;
  tap: number;
  output: number;
}

/** The cardinal B-spline of an order at distance `d` from its centre. */
function cardinal(order: number, d: number): number {
  const s = Math.abs(d);
  if (order === 0) return s < 0.5 ? 1 : 0;
  const a = Math.max((order + 1) / 2 - s, 0);
  const b = Math.max((order - 1) / 2 - s, 0);
  if (order === 1) return a;
  return order === 2 ? (a * a - 3 * b * b) / 2 : (a ** 3 - 4 * b ** 3) / 6;
}

/**
 * Value of slot `m` of an edge at `z`: splines, which outside the grid go on along their tangents, then silu
 * (`shaders/shared/spline.wgsl`, `edge_basis` in `src/reference/layers.rs`).
 */
export function basis({ low, high, grid, order }: Curves, m: number, z: number): number {
  if (m === grid + order) return z / (1 + Math.exp(-z));
  const u = ((z - low) * grid) / (high - low);
  const inside = Math.min(Math.max(u, 0), grid);
  const d = inside - (m - (order - 1) / 2);
  return cardinal(order, d) + (u - inside) * slope(order, grid, m, inside, d);
}

/** Derivative of a spline with respect to cells. */
function slope(order: number, grid: number, m: number, inside: number, d: number): number {
  if (order === 1) {
    const cell = Math.min(Math.floor(inside), grid - 1);
    return m === cell ? -1 : m === cell + 1 ? 1 : 0;
  }
  return cardinal(order - 1, d + 0.5) - cardinal(order - 1, d - 0.5);
}

/** All edges of a layer. */
export function edgesOf(curves: Curves): Edge[] {
  const taps = curves.inputs * curves.kernel[0] * curves.kernel[1];
  const edges: Edge[] = [];
  for (let tap = 0; tap < taps; tap += 1) {
    for (let output = 0; output < curves.outputs; output += 1) edges.push({ curves, tap, output });
  }
  return edges;
}

/** The weights of an edge, one for each slot. */
export function weightsOf({ curves, tap, output }: Edge, parameters: Float32Array): Float64Array {
  const { first, slots, padded } = curves;
  return Float64Array.from({ length: slots }, (_, slot) => parameters[first + (tap * slots + slot) * padded + output]!);
}

/** An edge's function at each `z`. */
export function sample(edge: Edge, parameters: Float32Array, z: readonly number[]): number[] {
  const weights = weightsOf(edge, parameters);
  return z.map((at) => weights.reduce((sum, weight, m) => sum + weight * basis(edge.curves, m, at), 0));
}

/** Covariances of a layer's slots under standard normal inputs, which is what a normalisation makes: [slots, slots]. */
function covariances(curves: Curves): Float64Array {
  const { slots } = curves;
  const points = Array.from({ length: 121 }, (_, k) => -4 + k / 15);
  const densities = points.map((z) => Math.exp(-0.5 * z * z));
  const all = densities.reduce((sum, density) => sum + density, 0);
  const values = Array.from({ length: slots }, (_, m) => points.map((z) => basis(curves, m, z)));
  const mean = (of: number[]) => of.reduce((sum, value, k) => sum + (value * densities[k]!) / all, 0);
  const means = values.map(mean);
  const found = new Float64Array(slots * slots);
  for (let i = 0; i < slots; i += 1) {
    for (let j = 0; j < slots; j += 1) {
      found[i * slots + j] = mean(values[i]!.map((value, k) => value * values[j]![k]!)) - means[i]! * means[j]!;
    }
  }
  return found;
}

/** Tells how far functions have moved. */
export class Moved {
  readonly #start: Float32Array;
  readonly #layers: { edges: Edge[]; covariances: Float64Array }[];

  /** From these parameters on. */
  constructor(layers: Curves[], start: Float32Array) {
    this.#start = start;
    this.#layers = layers.map((curves) => ({ edges: edgesOf(curves), covariances: covariances(curves) }));
  }

  /**
   * The edges of each layer that moved most, at most `count` a layer, the farthest first: by the standard deviation of the
   * change under standard normal inputs, so that a shift up or down does not count.
   */
  most(parameters: Float32Array, count: number): { edge: Edge; moved: number }[][] {
    return this.#layers.map(({ edges, covariances }) => {
      const moved = edges.map((edge) => {
        const before = weightsOf(edge, this.#start);
        const change = weightsOf(edge, parameters).map((weight, m) => weight - before[m]!);
        let sum = 0;
        change.forEach((a, i) => change.forEach((b, j) => (sum += a * b * covariances[i * change.length + j]!)));
        return { edge, moved: Math.sqrt(Math.max(sum, 0)) };
      });
      return moved.sort((a, b) => b.moved - a.moved).slice(0, count);
    });
  }
}
