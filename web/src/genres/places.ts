/** A place in the plane, both axes from 0 to 1. */
export type Place = [x: number, y: number];

/** Fewer points are placed on the two widest axes alone, and neighbours count from here on (as in `src/report/map/place.rs`). */
const FEWEST = 16;
/** About how many neighbours are kept together, and how many points there are for each. */
const PERPLEXITY = 30;
const POINTS_A_NEIGHBOUR = 3;
/** Pairs that are moved before an answer is due: half a second's worth. */
const PAIRS = 2.5e7;
const MOST_STEPS = 600;
/** How much nearer neighbours are drawn in the first steps, and what share of the steps those are. */
const EXAGGERATION = 12;
const EARLY = 0.25;
/** Spread that the steps begin with. */
const START = 1e-2;
/** Rounds of what is approached step by step, and how near the entropy of a point's neighbours then is to what is asked for. */
const ROUNDS = 60;
const NEAR = 1e-6;

/**
 * Places points by their distances (`[point][point]`, cosine or squared Euclidean), so that those that are near to one
 * another lie together: the same places every time. By t-SNE (van der Maaten and Hinton 2008) from the principal axes, or by
 * these axes alone where there are few points or very many.
 */
export function placed(distances: ArrayLike<number>[]): Place[] {
  const count = distances.length;
  const axes = principal(distances);
  const steps = Math.min(MOST_STEPS, Math.floor(PAIRS / Math.max(count, 1) ** 2));
  const spread = Math.max(...axes.map(([x]) => Math.abs(x)));
  const isFew = count < FEWEST || steps < MOST_STEPS / 20 || spread === 0;
  return framed(isFew ? axes : neighbours(distances, axes.map(([x, y]): Place => [(x / spread) * START, (y / spread) * START]), steps));
}

/** The two widest axes of points by their squared distances (classical scaling, Torgerson 1952), the widest first. */
function principal(squares: ArrayLike<number>[]): Place[] {
  const count = squares.length;
  const rows = squares.map((row) => Array.from(row).reduce((sum, value) => sum + value, 0) / count);
  const all = rows.reduce((sum, value) => sum + value, 0) / count;
  const products = squares.map((row, i) => Array.from(row, (value, j) => -0.5 * (value - rows[i]! - rows[j]! + all)));
  const found: Float64Array[] = [];
  for (const frequency of [1, 2]) {
    // A start that no axis is likely to be at right angles to.
    let axis = Float64Array.from(rows, (_, at) => Math.sin(frequency * (at + 1)));
    let size = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const next = Float64Array.from(products, (row) => row.reduce((sum, value, at) => sum + value * axis[at]!, 0));
      for (const other of found) {
        const share = dot(next, other) / Math.max(dot(other, other), Number.MIN_VALUE);
        other.forEach((value, at) => (next[at]! -= share * value));
      }
      size = Math.sqrt(dot(next, next));
      if (!(size > 1e-12)) break;
      axis = next.map((value) => value / size);
    }
    const scale = size > 1e-12 ? Math.sqrt(size) : 0;
    // Of the two directions of an axis always the same one.
    const sign = Math.sign(axis.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)) || 1;
    found.push(axis.map((value) => sign * scale * value));
  }
  return rows.map((_, at) => [found[0]![at]!, found[1]![at]!]);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0);
}

function neighbours(squares: ArrayLike<number>[], start: Place[], steps: number): Place[] {
  const count = start.length;
  const near = affinities(squares, Math.min(PERPLEXITY, (count - 1) / POINTS_A_NEIGHBOUR));
  const places = Float64Array.from(start.flat());
  const speed = new Float64Array(2 * count);
  const gains = new Float64Array(2 * count).fill(1);
  const pulls = new Float64Array(2 * count);
  const kernel = new Float64Array(count * count);
  const rate = Math.max(count / EXAGGERATION / 4, 10);
  for (let step = 0; step < steps; step++) {
    const isEarly = step < EARLY * steps;
    let total = 0;
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < i; j++) {
        const [x, y] = [places[2 * i]! - places[2 * j]!, places[2 * i + 1]! - places[2 * j + 1]!];
        const value = 1 / (1 + x * x + y * y);
        kernel[i * count + j] = value;
        total += 2 * value;
      }
    }
    pulls.fill(0);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < i; j++) {
        const value = kernel[i * count + j]!;
        const force = 4 * ((isEarly ? EXAGGERATION : 1) * near[i * count + j]! - value / total) * value;
        for (const axis of [0, 1]) {
          const pull = force * (places[2 * i + axis]! - places[2 * j + axis]!);
          pulls[2 * i + axis]! += pull;
          pulls[2 * j + axis]! -= pull;
        }
      }
    }
    for (let at = 0; at < 2 * count; at++) {
      const turns = pulls[at]! > 0 === speed[at]! > 0;
      gains[at] = Math.max(turns ? gains[at]! * 0.8 : gains[at]! + 0.2, 0.01);
      speed[at] = (isEarly ? 0.5 : 0.8) * speed[at]! - rate * gains[at]! * pulls[at]!;
      places[at]! += speed[at]!;
    }
  }
  return start.map((_, at) => [places[2 * at]!, places[2 * at + 1]!]);
}

/** How much each pair belongs together, `[count, count]`, by t-SNE's measure: of each point so many neighbours count. */
function affinities(squares: ArrayLike<number>[], perplexity: number): Float64Array {
  const count = squares.length;
  const found = new Float64Array(count * count);
  const weights = new Float64Array(count);
  squares.forEach((row, i) => {
    let nearest = Infinity;
    for (let j = 0; j < count; j++) if (j !== i) nearest = Math.min(nearest, row[j]!);
    let [low, high, sharpness, total] = [0, Infinity, 1, 0];
    for (let round = 0; round < ROUNDS; round++) {
      let far = 0;
      total = 0;
      for (let j = 0; j < count; j++) {
        const distance = row[j]! - nearest;
        const weight = j === i ? 0 : Math.exp(-sharpness * distance);
        weights[j] = weight;
        total += weight;
        far += weight * distance;
      }
      const more = Math.log(total) + (sharpness * far) / total - Math.log(perplexity);
      if (Math.abs(more) < NEAR) break;
      if (more > 0) low = sharpness;
      else high = sharpness;
      sharpness = high === Infinity ? 2 * sharpness : (low + high) / 2;
    }
    for (let j = 0; j < count; j++) {
      const share = weights[j]! / total / (2 * count);
      found[i * count + j]! += share;
      found[j * count + i]! += share;
    }
  });
  return found;
}

/** Places within a square of side 1, as large as they fit, and in the middle where there is but one. */
function framed(places: Place[]): Place[] {
  const span = (axis: 0 | 1) => {
    const values = places.map((place) => place[axis]);
    return [Math.min(...values), Math.max(...values)] as const;
  };
  const [[left, right], [low, high]] = [span(0), span(1)];
  const side = Math.max(right - left, high - low);
  const at = (value: number, from: number, to: number) => (side > 0 ? 0.5 + (value - (from + to) / 2) / side : 0.5);
  return places.map(([x, y]) => [at(x, left, right), at(y, low, high)]);
}
