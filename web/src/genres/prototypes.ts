import { halves } from "./halves.ts";
import { distance, least, type Metric } from "./vectors.ts";

/** Vectors by genre and example. */
export type Vectors = Float32Array[][];

interface Sum {
  values: Float64Array;
  count: number;
}

/** Means of the examples of each genre, one or two each (`src/genres/prototypes.rs`). */
export class Prototypes {
  readonly metric: Metric;
  /** For each genre and example the prototype that it is a part of. */
  readonly parts: number[][];
  /** The prototypes of each genre. */
  readonly means: Float32Array[][];
  readonly #sums: Sum[][];

  /** The means of `examples`, where `parts` says which prototype each goes to. */
  constructor(metric: Metric, examples: Vectors, parts: number[][]) {
    this.metric = metric;
    this.parts = parts.map((of) => [...of]);
    this.#sums = examples.map((ofGenre, genre) => sums(ofGenre, parts[genre]!));
    this.means = this.#sums.map((ofGenre) => ofGenre.filter((sum) => sum.count > 0).map(mean));
  }

  /** The distance of a vector to the nearest prototype of a genre. */
  distance(vector: Float32Array, genre: number): number {
    return Math.min(...this.means[genre]!.map((mean) => distance(this.metric, vector, mean)));
  }

  /** The distance of an example to its own genre as it would be without it; infinite where nothing would be left. */
  without(genre: number, example: number, vector: Float32Array): number {
    const own = this.parts[genre]![example];
    const distances = this.#sums[genre]!.map((sum, part) => {
      if (part !== own) return distance(this.metric, vector, this.means[genre]![part]!);
      if (sum.count === 1) return Infinity;
      const less = { values: sum.values.map((value, at) => value - vector[at]!), count: sum.count - 1 };
      return distance(this.metric, vector, mean(less));
    });
    return Math.min(...distances);
  }
}

function sums(examples: Float32Array[], parts: number[]): Sum[] {
  const found: Sum[] = [];
  examples.forEach((example, number) => {
    const sum = (found[parts[number]!] ??= { values: new Float64Array(example.length), count: 0 });
    example.forEach((value, at) => (sum.values[at]! += value));
    sum.count += 1;
  });
  return found;
}

function mean({ values, count }: Sum): Float32Array {
  return Float32Array.from(values, (value) => value / count);
}

/** How far an example is from every genre, from its own as that is without it (`src/genres/left_out.rs`). */
export interface LeftOut {
  genre: number;
  number: number;
  /** Infinite to its own genre if it is the only one there. */
  distances: number[];
}

/** Every example as a query to genres that it is no part of. */
export function leftOut(prototypes: Prototypes, examples: Vectors): LeftOut[] {
  return examples.flatMap((ofGenre, genre) =>
    ofGenre.map((vector, number) => ({
      genre,
      number,
      distances: examples.map((_, other) =>
        other === genre ? prototypes.without(genre, number, vector) : prototypes.distance(vector, other),
      ),
    })),
  );
}

/** Examples that are nearest to their own genre. */
function right(examples: LeftOut[]): number {
  return examples.filter((example) => least(example.distances) === example.genre).length;
}

/** The fewest examples that may disagree. */
const FEWEST = 4;

/** The most examples of a genre that is parted anew without each of them, where a split is judged. */
const PARTED_ANEW = 64;

/**
 * One mean for each genre, and two for those that have at least four examples which 2-means parts so that leave-one-out
 * over all genres gets more right, by a quarter of the genre's examples or more (`src/genres/parted.rs`).
 */
export function parted(metric: Metric, examples: Vectors): Prototypes {
  const parts = examples.map((ofGenre) => ofGenre.map(() => 0));
  let best = new Prototypes(metric, examples, parts);
  if (examples.length < 2) return best;
  let most = right(leftOut(best, examples));
  examples.forEach((ofGenre, genre) => {
    if (ofGenre.length < FEWEST) return;
    const found = halves(ofGenre);
    if (!found.includes(1)) return;
    const whole = parts[genre]!;
    parts[genre] = found;
    const split = new Prototypes(metric, examples, parts);
    const out = leftOut(split, examples);
    if (ofGenre.length <= PARTED_ANEW) {
      for (const example of out.filter((example) => example.genre === genre)) {
        example.distances[genre] = partedWithout(metric, ofGenre, example.number);
      }
    }
    const gets = right(out);
    if (gets > most && 4 * (gets - most) >= ofGenre.length) [best, most] = [split, gets];
    else parts[genre] = whole;
  });
  return best;
}

/** The distance of an example to the nearer mean of two that the others of its genre are parted into. */
function partedWithout(metric: Metric, examples: Float32Array[], number: number): number {
  const others = examples.filter((_, other) => other !== number);
  return new Prototypes(metric, [others], [halves(others)]).distance(examples[number]!, 0);
}
