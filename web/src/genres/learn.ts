import { PlainError } from "../words.ts";
import { byName } from "./names.ts";
import { leftOut, parted, Prototypes } from "./prototypes.ts";
import { Threshold } from "./threshold.ts";
import { calibrated, checkEmbedding, COSINE, whitened, type Comparison, type Metric } from "./vectors.ts";

/** A file that a genre is learned from. */
export interface Example {
  /** What the file is called. */
  name: string;
  /** BLAKE3 of its content, 64 hex digits. */
  hash: string;
  /** How much of it was heard. */
  seconds: number;
  /** The mean over the file, [width]. */
  embedding: Float32Array;
}

/** A genre with its examples; names may nest (`Jazz/Swing`). */
export interface Genre {
  name: string;
  examples: Example[];
}

/** Genres with what was learned from their examples: the same as `Genres::learn` without a linear probe. */
export interface Genres {
  /** In the order of their names. */
  readonly genres: readonly Genre[];
  readonly comparison: Comparison;
  /** The distance that ranks, with the scale of its probabilities by the genre that has the fewest examples. */
  readonly metric: Metric;
  /** One for each genre, or two where its examples disagree. */
  readonly prototypes: Prototypes;
  /** The same prototypes, whitened, by which novelty goes. */
  readonly whitened: Prototypes;
  readonly threshold: Threshold;
  readonly width: number;
}

/** Learns how many prototypes each genre has, and how near is near enough. Throws a `PlainError` where it cannot. */
export function learnGenres(given: Genre[], comparison: Comparison): Genres {
  const genres = [...given].sort((a, b) => byName(a.name, b.name));
  const empty = genres.find((genre) => genre.examples.length === 0);
  if (empty) throw new PlainError(`the genre \`${empty.name}\` has no example: add one, or remove the genre`);
  const first = genres[0]?.examples[0];
  if (!first) throw new PlainError("there are no genres: add one with a few examples first");
  const width = first.embedding.length;
  const examples = genres.map((genre) => genre.examples.map((example) => example.embedding));
  for (const embedding of examples.flat()) checkEmbedding(embedding, width);
  const sizes = examples.map((ofGenre) => ofGenre.length);
  const metric = calibrated(comparison, Math.min(...sizes));
  const prototypes = parted(metric, examples);
  const seen = examples.map((ofGenre) => ofGenre.map((embedding) => whitened(comparison.whitening, embedding)));
  const apart = new Prototypes(COSINE, seen, prototypes.parts);
  return {
    genres,
    comparison,
    metric,
    prototypes,
    whitened: apart,
    threshold: new Threshold(sizes, leftOut(apart, seen)),
    width,
  };
}
