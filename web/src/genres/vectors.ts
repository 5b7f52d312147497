import { PlainError } from "../words.ts";

/**
 * How a model's embeddings are compared, as its bundle says (`src/genres/comparison.rs`).
 * Vectors are f32: every operation is rounded to f32 where the native program does, so that both give the same bits.
 */
export interface Comparison extends Metric {
  /** The scales of probabilities by shots, if they were calibrated. */
  calibration: Calibration | null;
  whitening: Whitening;
}

/** A distance, and what turns it into a logit: minus `scale` times it. */
export interface Metric {
  distance: "cosine" | "squared-euclidean";
  scale: number;
}

/** Scales for one example a genre, two to four, and more. */
export interface Calibration {
  one: number;
  few: number;
  many: number;
}

/** What embeddings go through before they are asked whether they are near at all (`src/fewshot/whitening.rs`). */
export interface Whitening {
  /** Mean embedding of the training files, [width]. */
  centre: Float32Array | null;
  /** What each dimension is multiplied by, [width]; where there is no `root`. */
  scale: Float32Array | null;
  /** The symmetric matrix that vectors are multiplied by, [width, width]. */
  root: Float32Array | null;
}

/** The distance of whitened embeddings. */
export const COSINE: Metric = { distance: "cosine", scale: 10 };

const { fround } = Math;

/** The same distance, by the scale for so many examples a genre if one was chosen. */
export function calibrated(comparison: Comparison, shots: number): Metric {
  const { distance, scale, calibration } = comparison;
  if (!calibration) return { distance, scale };
  const { one, few, many } = calibration;
  return { distance, scale: shots <= 1 ? one : shots <= 4 ? few : many };
}

/** The distance of two vectors of one length. */
export function distance({ distance }: Metric, a: Float32Array, b: Float32Array): number {
  if (distance === "squared-euclidean") return sumOver(a, b, (x, y) => fround(fround(x - y) * fround(x - y)));
  const product = (x: number, y: number) => fround(x * y);
  const norms = fround(fround(Math.sqrt(sumOver(a, a, product))) * fround(Math.sqrt(sumOver(b, b, product))));
  return norms > 0 ? fround(1 - fround(sumOver(a, b, product) / norms)) : 1;
}

/** Sum of `term` over pairs, in eight lanes as `src/fewshot/prototype.rs` has them. */
function sumOver(a: Float32Array, b: Float32Array, term: (x: number, y: number) => number): number {
  const lanes = new Float32Array(8);
  const whole = a.length - (a.length % 8);
  for (let at = 0; at < whole; at++) lanes[at % 8]! += term(a[at]!, b[at]!);
  let [sum, rest] = [0, 0];
  for (const lane of lanes) sum = fround(sum + lane);
  for (let at = whole; at < a.length; at++) rest = fround(rest + term(a[at]!, b[at]!));
  return fround(sum + rest);
}

/** Softmax over the logits of these distances. */
export function probabilities({ scale }: Metric, distances: number[]): number[] {
  const logits = distances.map((distance) => -scale * distance);
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** The whitened vector of an embedding, of the same length. */
export function whitened({ centre, scale, root }: Whitening, embedding: Float32Array): Float32Array {
  const less = centre ? embedding.map((value, at) => value - centre[at]!) : embedding.slice();
  if (!root) return scale ? less.map((value, at) => value * scale[at]!) : less;
  return less.map((_, row) => {
    let sum = 0;
    for (let at = 0; at < less.length; at++) sum += root[row * less.length + at]! * less[at]!;
    return sum;
  });
}

/** Checks that an embedding can be compared with others of a width. */
export function checkEmbedding(embedding: Float32Array, width: number): void {
  const broken = "an embedding to be compared is not finite: the model may have diverged, or the file is broken";
  if (embedding.length === 0) throw new PlainError(broken);
  if (embedding.length !== width) {
    throw new PlainError(
      `an embedding has ${embedding.length} values where ${width} are expected: use embeddings of one model only`,
    );
  }
  const squares = embedding.reduce((sum, value) => fround(sum + fround(value * value)), 0);
  if (!Number.isFinite(fround(4 * squares))) throw new PlainError(broken);
}

/** The first place of the least value; -1 for none. */
export function least(values: number[]): number {
  let found = values.length > 0 ? 0 : -1;
  for (let at = 1; at < values.length; at++) if (values[at]! < values[found]!) found = at;
  return found;
}

/** The order of two numbers, of which both may be infinite. */
export function order(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
