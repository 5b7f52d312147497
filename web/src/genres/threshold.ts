import type { LeftOut } from "./prototypes.ts";
import { order } from "./vectors.ts";

const { fround } = Math;

/** Genres from which on each can stand for the unknown beside at least two others. */
const FEWEST_GENRES = 3;

/** Of ten of a genre's own queries, those that are within reach where no example tells what lies beyond. */
const WITHIN = 7;

/** How many distances of examples the measured reach weighs. */
const WEIGHT = 2;

/** Cosine distance of whitened embeddings within which a file is taken for one of a genre with so many examples. */
function reach(examples: number): number {
  return fround(fround(0.81) + fround(fround(0.04) / Math.max(examples, 1)));
}

/** How near is near enough, as learned from the examples (`src/genres/threshold.rs`). */
export class Threshold {
  /** Examples of each genre. */
  readonly #sizes: number[];
  /** What every genre's reach is multiplied by. */
  #times = 1;

  /** From the examples left out, by distances of whitened embeddings. */
  constructor(sizes: number[], examples: LeftOut[]) {
    this.#sizes = sizes;
    const known = examples
      .filter((example) => Number.isFinite(example.distances[example.genre]))
      .map((example) => this.#least(example.distances, sizes.with(example.genre, sizes[example.genre]! - 1)));
    const unknown =
      sizes.length < FEWEST_GENRES
        ? []
        : examples.map((example) => this.#least(example.distances.with(example.genre, Infinity), sizes));
    if (known.length === 0) return;
    const found = unknown.length > 0 ? equalErrors(known, unknown) : mostOf(known);
    this.#times = fround(fround(fround(known.length * found) + WEIGHT) / fround(known.length + WEIGHT));
  }

  /** How far a file is from all genres, by its distance to each: above 1 it is unknown. */
  novelty(distances: number[]): number {
    return this.#least(distances, this.#sizes);
  }

  #least(distances: number[], sizes: number[]): number {
    return Math.min(
      ...distances.map((distance, genre) => fround(distance / fround(reach(sizes[genre]!) * this.#times))),
    );
  }
}

function mostOf(known: number[]): number {
  const sorted = [...known].sort(order);
  return sorted[Math.ceil(((sorted.length - 1) * WITHIN) / 10)]!;
}

/** The distance at which as many known ones lie beyond as unknown ones within (`separation` of `src/score/open.rs`). */
function equalErrors(known: number[], unknown: number[]): number {
  const queries = [...known.map((distance) => [distance, 0]), ...unknown.map((distance) => [distance, 1])];
  queries.sort((a, b) => order(a[0]!, b[0]!));
  const within: [number, number] = [0, 0];
  for (const [at, query] of queries.entries()) {
    within[query[1] as 0 | 1] += 1;
    const isLastOfEqual = queries[at + 1]?.[0] !== query[0];
    if (isLastOfEqual && within[1] / unknown.length - (1 - within[0] / known.length) >= 0) return query[0]!;
  }
  return Infinity;
}
