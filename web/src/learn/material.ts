import { PlainError } from "../words.ts";
import { Random } from "./random.ts";

/** A song to learn from: clips of compressed mel frames, [bands, frames] each. */
export interface LearnFile {
  name: string;
  clips: readonly Float32Array[];
}

export interface LearnGenre {
  name: string;
  files: readonly LearnFile[];
}

/** A genre as a training takes it. */
export interface Studied {
  name: string;
  /** Songs, or the clips of the only one: what stands on one side of an episode alone. Places in {@link Material.clips}. */
  units: number[][];
  /** Songs that are kept apart, to be asked about. */
  apart: number[][];
  /** Whether it has one song alone, whose clips stand on both sides. */
  single: boolean;
}

/** What a training learns from. */
export interface Material {
  genres: Studied[];
  clips: Float32Array[];
  /** Genres that have too little. */
  leftOut: string[];
}

/** Where a genre has so many songs or more, about one of so many is kept apart. */
const APART = 4;

/**
 * Chooses what is learned from: about every fourth song of a genre is kept apart, and of no song more clips are taken than
 * there is room for.
 *
 * @throws PlainError where fewer than two genres have enough.
 */
export function materialOf(given: readonly LearnGenre[], room: number, seed: number): Material {
  const random = new Random(seed);
  const heard = given.map(({ name, files }) => ({ name, files: files.filter(({ clips }) => clips.length > 0) }));
  const clipsOf = (files: readonly LearnFile[]) => files.reduce((sum, { clips }) => sum + clips.length, 0);
  const enough = heard.filter(({ files }) => clipsOf(files) >= 2);
  if (enough.length < 2) {
    throw new PlainError("To learn, it takes two genres with at least two songs each. Add more songs, and start again.");
  }
  const files = enough.reduce((sum, genre) => sum + genre.files.length, 0);
  const most = Math.floor(room / files);
  if (most < 1) throw new PlainError(`That is too much to learn from here: ${files} songs. ${room} are possible.`);
  const clips: Float32Array[] = [];
  const genres = enough.map(({ name, files }): Studied => {
    const single = files.length === 1;
    const placed = random.shuffled(files).map((file) => file.clips.slice(0, single ? Math.max(most, 2) : most).map((clip) => clips.push(clip) - 1));
    if (single) return { name, units: placed[0]!.map((clip) => [clip]), apart: [], single };
    const apart = files.length < APART ? 0 : Math.round(files.length / APART);
    return { name, units: placed.slice(apart), apart: placed.slice(0, apart), single };
  });
  const leftOut = given.filter(({ name }) => !genres.some((genre) => genre.name === name)).map(({ name }) => name);
  return { genres, clips, leftOut };
}

/** Draws an episode: places of clips, genre by genre what is learned from, then genre by genre what is asked about. */
export function drawEpisode({ genres }: Material, task: { way: number; shot: number; query: number }, random: Random): number[] {
  const { way, shot, query } = task;
  const learned: number[] = [];
  const asked: number[] = [];
  for (const { units } of random.shuffled(genres).slice(0, way)) {
    const drawn = random.shuffled(units.map((clips) => random.shuffled(clips)));
    const share = Math.round((drawn.length * shot) / (shot + query));
    const middle = Math.min(Math.max(share, 1), drawn.length - 1);
    learned.push(...turns(drawn.slice(0, middle), shot));
    asked.push(...turns(drawn.slice(middle), query));
  }
  return [...learned, ...asked];
}

/** So many clips, of one song after the other, and another of each as long as there are any. */
function turns(songs: number[][], count: number): number[] {
  return Array.from({ length: count }, (_, k) => {
    const clips = songs[k % songs.length]!;
    return clips[Math.floor(k / songs.length) % clips.length]!;
  });
}
