/** What a person does with genres, examples and songs: the changes of the state, kept in the browser, each with its undo. */

import { answer } from "../genres/answer.ts";
import { learnGenres, type Genres } from "../genres/learn.ts";
import { checkedName } from "../genres/names.ts";
import { PlainError } from "../words.ts";
import { count, title } from "./elements.ts";
import { theEngine } from "./engine.ts";
import { byFolder, type Found } from "./files.ts";
import {
  announce, changed, current, examplesOf, freshId, freshNumber, genreNamed, genreOf, notify, problem, state,
  type Example, type Genre, type Song,
} from "./state.ts";
import * as store from "./store.ts";
import { enqueue, type Job, type Result } from "./work.ts";

let asked = false;

/** Reads what the browser keeps. What another model heard is heard again where its sound is kept. */
export async function restore(): Promise<void> {
  try {
    const kept = await store.load();
    state.genres = kept.genres;
    state.examples = kept.examples.filter((example) => kept.genres.some((genre) => genre.id === example.genre));
  } catch (error) {
    notKept(error);
  }
  const others = state.examples.filter((example) => !current(example));
  enqueue(others.filter((example) => example.sound).map(hearAgain));
  const mute = others.filter((example) => !example.sound).length;
  if (mute > 0) {
    const them = mute === 1 ? "One song was" : `${mute} songs were`;
    notify("model", `${them} heard by another version of the program, and the sound was not kept. Give them again to use them.`, "warn");
  }
  store.onOtherTab(() => void reread());
  await measure();
  await judge();
}

/** Another tab has added or removed something. */
async function reread(): Promise<void> {
  const kept = await store.load().catch(() => null);
  if (!kept) return;
  state.genres = kept.genres;
  state.examples = kept.examples;
  await measure();
  await judge();
}

async function measure(): Promise<void> {
  state.kept = state.examples.length > 0 ? await store.bytesKept().catch(() => null) : null;
}

function notKept(error: unknown): void {
  const text = `Nothing is kept for your next visit: ${store.whyNot(error).message}. Save your genres to a file before you close the page.`;
  notify("kept", text, "warn");
}

/** Runs a change of what is kept; where it cannot be kept, the page goes on with what it has. */
async function keep(change: Promise<unknown>): Promise<void> {
  await change.catch(notKept);
  await measure();
  changed();
}

let judged = 0;
let learned: Genres | null = null;

/** Learns the genres anew, and answers again for every song. A device that goes away meanwhile is told of elsewhere; with
 * the next one it is done again. */
export async function judge(): Promise<void> {
  const turn = ++judged;
  changed();
  await judgeAll(turn).catch((error: unknown) => {
    if (!(error instanceof PlainError)) throw error;
  });
}

async function judgeAll(turn: number): Promise<void> {
  const { comparison } = await theEngine();
  const genres = state.genres.map((genre) => ({
    name: genre.name,
    examples: examplesOf(genre.id).filter(current),
  }));
  const known = genres.filter((genre) => genre.examples.length > 0);
  learned = known.length > 0 ? learnGenres(known, comparison) : null;
  for (const song of state.songs) {
    if (turn !== judged) return;
    await answerFor(song);
  }
  if (turn === judged) changed();
}

async function answerFor(song: Song): Promise<void> {
  const { comparer } = await theEngine();
  song.answer = learned && (await answer(learned, song.heard.embedding, song.heard.parts, comparer));
}

/** A genre of a name, made if there is none. Throws a [`PlainError`] for what cannot be a name. */
export async function genreFor(name: string): Promise<Genre> {
  const checked = checkedName(name);
  const there = genreNamed(checked);
  if (there) return there;
  const made = { id: freshId(), name: checked, number: freshNumber() };
  state.genres = [...state.genres, made].sort((a, b) => a.number - b.number);
  await keep(store.keepGenre(made));
  return made;
}

/** A name that no genre has. */
export function unusedName(): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? "New genre" : `New genre ${number}`;
    if (!genreNamed(name)) return name;
  }
}

/** Takes files as examples: into one genre, or each folder's into the genre of its name. Returns the genre that still
 * has to be given a name, if one was made for files without a folder. */
export async function addExamples(found: readonly Found[], into: Genre | null): Promise<Genre | null> {
  if (found.length === 0) {
    notify("empty", "There was no music in what you gave.");
    return null;
  }
  let unnamed: Genre | null = null;
  const groups = into ? [{ name: into.name, files: found.map(({ file }) => file) }] : byFolder(found);
  for (const { name, files } of groups) {
    try {
      const genre = into ?? (await genreFor(name ?? unusedName()));
      if (name === null) unnamed = genre;
      enqueue(files.map((file) => exampleJob(file, genre.id)));
    } catch (error) {
      if (!(error instanceof PlainError)) throw error;
      problem(name ?? "", `${error.message}.`);
    }
  }
  return unnamed;
}

function exampleJob(file: File, genre: string): Job {
  return {
    name: file.name,
    sound: async () => file,
    done: async (result) => {
      // The genre may have gone while the song was heard.
      if (genreOf(genre)) await addExample(file.name, result, genre);
    },
  };
}

async function addExample(name: string, { sound, heard, hash }: Result, genre: string): Promise<void> {
  const same = examplesOf(genre).find((example) => example.hash === hash && current(example));
  if (same) throw new PlainError(`It is in ${genreOf(genre)?.name ?? "the genre"} already${same.name === name ? "" : `, as ${same.name}`}.`);
  // One that another model heard makes room for it.
  const old = examplesOf(genre).filter((example) => example.hash === hash).map((example) => example.id);
  const made: Example = {
    id: freshId(), genre, model: state.model, name, hash, seconds: heard.seconds,
    embedding: heard.embedding, levels: heard.levels, clips: heard.clips, sound: false,
  };
  state.examples = [...state.examples.filter((example) => !old.includes(example.id)), made];
  const keeping = async () => {
    if (old.length > 0) await store.forget([], old);
    made.sound = await store.keepExample(made, sound);
    if (!made.sound) notify("room", "The browser has no more room for sounds. Your examples count all the same, but some of them cannot be played on your next visit.");
    if (!asked) {
      asked = true;
      void store.askToStay();
    }
  };
  inMemory.set(made.id, sound);
  await keep(keeping());
  if (made.sound) inMemory.delete(made.id);
  await judge();
}

/** Sounds of examples that the browser had no room for, as long as the page is open. */
const inMemory = new Map<string, Blob>();

export async function soundOf(example: Example): Promise<Blob | null> {
  return inMemory.get(example.id) ?? store.soundOf(example.id);
}

/** Whether an example can be played. */
export function isPlayable(example: Example): boolean {
  return example.sound || inMemory.has(example.id);
}

function hearAgain(example: Example): Job {
  return {
    name: example.name,
    sound: async () => {
      const sound = await store.soundOf(example.id);
      if (!sound) throw new PlainError("It was heard by another version of the program, and its sound is gone. Give it again.");
      return sound;
    },
    done: async ({ sound, heard }) => {
      const made = { ...example, model: state.model, seconds: heard.seconds, embedding: heard.embedding, levels: heard.levels, clips: heard.clips };
      state.examples = state.examples.map((one) => (one.id === example.id ? made : one));
      await keep(store.keepExample(made, sound));
      await judge();
    },
  };
}

/** Gives a genre another name; genres within it go along. Two genres never become one by this. */
export async function rename(genre: Genre, to: string): Promise<void> {
  const name = checkedName(to);
  const moved = state.genres.filter((one) => one.id === genre.id || one.name.startsWith(`${genre.name}/`));
  const renamed = moved.map((one) => ({ ...one, name: name + one.name.slice(genre.name.length) }));
  const ids = new Set(moved.map((one) => one.id));
  for (const one of renamed) {
    checkedName(one.name);
    if (state.genres.some((other) => !ids.has(other.id) && other.name === one.name)) throw new PlainError(`There is a genre ${one.name} already.`);
  }
  state.genres = state.genres.map((one) => renamed.find((other) => other.id === one.id) ?? one);
  await keep(Promise.all(renamed.map(store.keepGenre)));
  await judge();
}

/** Removes genres with their examples; they can be brought back until something else is removed. */
export async function removeGenres(genres: readonly Genre[], text: string): Promise<void> {
  const ids = new Set(genres.map((genre) => genre.id));
  await remove(genres, state.examples.filter((example) => ids.has(example.genre)), text);
}

export async function removeGenre(genre: Genre): Promise<void> {
  await removeGenres([genre], `Removed ${genre.name} with ${count(examplesOf(genre.id).length, "song")}.`);
}

export async function removeExample(example: Example): Promise<void> {
  await remove([], [example], `Removed ${title(example.name)} from ${genreOf(example.genre)?.name ?? "its genre"}.`);
}

async function remove(genres: readonly Genre[], examples: readonly Example[], text: string): Promise<void> {
  const sounds = new Map<string, Blob | null>();
  for (const example of examples) sounds.set(example.id, await soundOf(example).catch(() => null));
  const [gone, left] = [new Set(examples.map((one) => one.id)), new Set(genres.map((one) => one.id))];
  state.examples = state.examples.filter((one) => !gone.has(one.id));
  state.genres = state.genres.filter((one) => !left.has(one.id));
  state.undo = { text, run: () => void back(genres, examples, sounds) };
  announce(`${text} It can be undone.`);
  await keep(store.forget([...left], [...gone]));
  await judge();
}

async function back(genres: readonly Genre[], examples: readonly Example[], sounds: Map<string, Blob | null>): Promise<void> {
  state.undo = null;
  for (const genre of genres) {
    // Its name may have been given to another one since.
    const name = genreNamed(genre.name) ? unusedName() : genre.name;
    const again = { ...genre, name };
    state.genres = [...state.genres, again].sort((a, b) => a.number - b.number);
    await keep(store.keepGenre(again));
  }
  // A genre that is gone meanwhile takes none of its songs back.
  const homes = examples.filter((example) => genreOf(example.genre));
  state.examples = [...state.examples, ...homes].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const example of homes) await keep(store.keepExample(example, sounds.get(example.id) ?? null));
  announce("Brought back.");
  await judge();
}

/** Has songs heard and answered for. The answer of the first opens, and so does that of a song given alone. */
export function ask(files: readonly File[]): void {
  if (files.length === 0) notify("empty", "There was no music in what you gave.");
  enqueue(files.map((file) => ({ name: file.name, sound: async () => file, done: (result: Result) => addSong(file.name, result, files.length === 1) })));
}

async function addSong(name: string, { sound, heard, hash, cut }: Result, alone: boolean): Promise<void> {
  const song: Song = { id: freshId(), name, hash, sound, heard, cut, answer: null };
  await answerFor(song);
  // A song that is asked about again takes its own place.
  const first = state.songs.every((other) => other.hash === hash);
  state.songs = [song, ...state.songs.filter((other) => other.hash !== hash)];
  if (first || alone || state.open === null) state.open = song.id;
  const told = song.answer && (song.answer.unknown ? "like none of your genres" : song.answer.ranked[0]?.genre);
  if (told) announce(`${title(name)}: ${told}.`);
  changed();
}

export function removeSong(song: Song): void {
  const at = state.songs.indexOf(song);
  state.songs = state.songs.filter((one) => one !== song);
  state.undo = {
    text: `Removed ${title(song.name)}.`,
    run: () => {
      state.undo = null;
      state.songs = state.songs.toSpliced(at, 0, song);
      void judge();
    },
  };
  changed();
}

/** A song that was answered becomes an example of a genre. */
export async function teach(song: Song, genre: Genre): Promise<void> {
  await addExample(song.name, song, genre.id).catch((error: unknown) => {
    if (!(error instanceof PlainError)) throw error;
    problem(song.name, error.message);
  });
  announce(`${title(song.name)} is now an example of ${genre.name}.`);
}
