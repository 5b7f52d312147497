import type { Comparer } from "./comparer.ts";
import type { Example, Genres } from "./learn.ts";
import { isWithin, parents } from "./names.ts";
import { checkEmbedding, distance, least, order, probabilities, whitened } from "./vectors.ts";

/** Nearest examples told for each file. */
const NEAREST = 3;

/** A part of a file, with its mean embedding, [width]. */
export interface Part {
  start: number;
  end: number;
  embedding: Float32Array;
}

/** What a file is taken for, with the reasons (`src/genres/answer.rs`). Times are seconds. */
export interface Answer {
  /** All genres, the likeliest first. Probabilities are among these only; the distance is to the nearest prototype. */
  ranked: { genre: string; probability: number; distance: number }[];
  /** The genres that others lie within, the likeliest first, each with the sum of theirs and its own. */
  parents: { genre: string; probability: number }[];
  /** Whether nothing is near, so that the file is probably of none of the genres. */
  unknown: boolean;
  /** How far the nearest genre is, in units of how far is too far. */
  novelty: number;
  /** The nearest examples, nearest first. */
  nearest: { genre: string; example: Example; distance: number }[];
  /** The part of the file that is most like the first genre; null where no parts were given. */
  decided: { start: number; end: number; distance: number } | null;
}

/**
 * Ranks the genres for a file's embedding ([width], the mean over the file), says whether it is near to any of them, and
 * why. Distances are made by `comparer` on its device, or else here.
 */
export async function answer(
  genres: Genres,
  embedding: Float32Array,
  parts: Part[],
  comparer?: Comparer,
): Promise<Answer> {
  const rows = [embedding, ...parts.map((part) => part.embedding)];
  for (const row of rows) checkEmbedding(row, genres.width);
  const means = genres.prototypes.means.flatMap((ofGenre, genre) => ofGenre.map((mean) => ({ genre, mean })));
  const examples = genres.genres.flatMap(({ name, examples }) =>
    examples.map((example) => ({ genre: name, example })),
  );
  const columns = [...means.map(({ mean }) => mean), ...examples.map(({ example }) => example.embedding)];
  const apart = comparer
    ? await comparer.distances(rows, columns)
    : rows.map((row) => Float32Array.from(columns, (column) => distance(genres.metric, row, column)));
  const whole = Array.from(apart[0]!);
  // The place of the nearest prototype of each genre.
  const near = genres.genres.map((_, genre) => {
    const own = [...means.keys()].filter((at) => means[at]!.genre === genre);
    return own[least(own.map((at) => whole[at]!))]!;
  });
  const distances = near.map((at) => whole[at]!);
  const likely = probabilities(genres.metric, distances);
  // Probabilities round to 0 and to 1 where distances still differ.
  const ranked = genres.genres
    .map(({ name }, at) => ({ at, genre: name, probability: likely[at]!, distance: distances[at]! }))
    .sort((a, b) => order(b.probability, a.probability) || order(a.distance, b.distance));
  const prototype = near[ranked[0]!.at]!;
  const decided = least(parts.map((_, part) => apart[part + 1]![prototype]!));
  const novelty = noveltyOf(genres, embedding);
  return {
    ranked: ranked.map(({ genre, probability, distance }) => ({ genre, probability, distance })),
    parents: within(genres, likely),
    unknown: novelty > 1,
    novelty,
    nearest: examples
      .map(({ genre, example }, at) => ({ genre, example, distance: whole[means.length + at]! }))
      .sort((a, b) => order(a.distance, b.distance))
      .slice(0, NEAREST),
    decided:
      decided < 0
        ? null
        : { start: parts[decided]!.start, end: parts[decided]!.end, distance: apart[decided + 1]![prototype]! },
  };
}

function noveltyOf(genres: Genres, embedding: Float32Array): number {
  const seen = whitened(genres.comparison.whitening, embedding);
  return genres.threshold.novelty(genres.genres.map((_, genre) => genres.whitened.distance(seen, genre)));
}

function within(genres: Genres, likely: number[]): Answer["parents"] {
  const names = new Set(genres.genres.flatMap(({ name }) => parents(name)));
  const found = [...names].map((genre) => ({
    genre,
    probability: genres.genres.reduce(
      (sum, { name }, at) => (isWithin(name, genre) ? sum + likely[at]! : sum),
      0,
    ),
  }));
  return found.sort((a, b) => order(b.probability, a.probability));
}
