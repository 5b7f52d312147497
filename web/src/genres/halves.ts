/** Starts of which the best counts. */
const OUTERMOST = 8;

/** The most rounds of a start. */
const ROUNDS = 50;

/** A vector of length 1; a zero stays zero. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  const scale = length > 0 ? 1 / length : 1;
  return vector.map((value) => value * scale);
}

/** The squared distance of two vectors. */
function square(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += Math.fround(a[at]! - b[at]!) ** 2;
  return sum;
}

/**
 * The half of each vector, brought to length 1, by 2-means: 0 or 1, by their first vectors; all 0 where they are equal. It
 * is the best of eight starts, each from one of those farthest from the mean and the one farthest from that (`halves` of
 * `src/genres/clusters.rs`).
 */
export function halves(vectors: Float32Array[]): number[] {
  const points = vectors.map(unit);
  const mean = centre(points);
  const outermost = [...points].sort((a, b) => square(b, mean) - square(a, mean)).slice(0, OUTERMOST);
  const starts = outermost.map((one) => lloyd(points, [one, farthest(points, one)]));
  const { found } = starts.reduce((best, start) => (start.total < best.total ? start : best), { found: [] as number[], total: Infinity });
  return found[0] === 1 ? found.map((half) => 1 - half) : found;
}

/** Lloyd's rounds until nothing moves: the halves, and the sum of squared distances to their centres. */
function lloyd(points: Float32Array[], middles: [Float32Array, Float32Array]): { found: number[]; total: number } {
  let found: number[] = [];
  let total = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const near = points.map((point) => [square(point, middles[0]), square(point, middles[1])] as const);
    const moved = near.map(([one, other]) => (other < one ? 1 : 0));
    total = near.reduce((sum, both) => sum + Math.min(...both), 0);
    if (round > 0 && moved.every((half, at) => half === found[at])) break;
    found = moved;
    for (const half of [0, 1] as const) {
      const own = points.filter((_, at) => moved[at] === half);
      // A centre that nothing is near to stays where it is.
      if (own.length > 0) middles[half] = centre(own);
    }
  }
  return { found, total };
}

function centre(points: Float32Array[]): Float32Array {
  const sums = new Float64Array(points[0]?.length ?? 0);
  for (const point of points) point.forEach((value, at) => (sums[at]! += value));
  return Float32Array.from(sums, (sum) => sum / points.length);
}

/** The point farthest from another, the first among equals. */
function farthest(points: Float32Array[], from: Float32Array): Float32Array {
  let [found, most] = [from, -Infinity];
  for (const point of points) {
    const distance = square(point, from);
    if (distance > most) [found, most] = [point, distance];
  }
  return found;
}
