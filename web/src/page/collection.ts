/** What a person does with genres, examples and songs: the changes of the state, kept in the browser, each with its undo. */

import { answer } from "../genres/answer.ts";
import { learnGenres, type Genres } from "../genres/learn.ts";
import { checkedName } from "../genres/names.ts";
import type { Comparison } from "../genres/vectors.ts";
import { DeviceLost } from "../runtime/program.ts";
import { PlainError } from "../words.ts";
import { count, title } from "./elements.ts";
import { theEngine } from "./engine.ts";
import { byFolder, type Found } from "./files.ts";
import {
  announce, changed, current, dismiss, examplesOf, freshId, freshNumber, genreNamed, genreOf, notify, problem, state,
  type Example, type Genre, type Song,
} from "./state.ts";
import * as store from "./store.ts";
import { enqueue, type Job, type Result } from "./work.ts";

let asked = false;
/** Milliseconds in which another tab's changes are read once, and songs are answered once while many examples are added. */
const MOMENT = 500;

/** Reads what the browser keeps. What another model heard is heard again where its sound is kept. */
export async function restore(): Promise<void> {
  await store.load().then(take, notKept);
  // Those of a genre that another tab removed while they were heard.
  await store.forgetHomeless().catch(() => undefined);
  const others = state.examples.filter((example) => !current(example));
  enqueue(others.filter((example) => example.sound).map(hearAgain));
  const mute = others.filter((example) => !example.sound).length;
  if (mute > 0) {
    const them = mute === 1 ? "One song was" : `${mute} songs were`;
    notify("model", `${them} heard by another version of the program, and the sound was not kept. Give them again to use them.`, "warn");
  }
  store.onOtherTab(rereadSoon);
  await measure();
  await judge();
}

let rereading = false;

/** Another tab has added or removed something. */
function rereadSoon(): void {
  if (rereading) return;
  rereading = true;
  setTimeout(() => {
    rereading = false;
    void reread();
  }, MOMENT);
}

async function reread(): Promise<void> {
  const there = await store.load().then(take).then(() => true, () => false);
  if (!there) return;
  await measure();
  await judge();
}

/** The genres and examples whose last change is not kept, or not yet: of them this tab knows better. */
const pending = new Map<string, object>();

/** Takes what is kept, with what is known of here alone. */
function take(kept: store.Kept): void {
  const merged = <T extends { id: string }>(theirs: readonly T[], ours: readonly T[]) =>
    [...theirs.filter((one) => !pending.has(one.id)), ...ours.filter((one) => pending.has(one.id))];
  state.genres = merged(kept.genres, state.genres).sort((a, b) => a.number - b.number);
  // The genre of an example may have been removed elsewhere.
  state.examples = merged(kept.examples, state.examples).filter((one) => genreOf(one.genre)).sort(byId);
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}

async function measure(): Promise<void> {
  state.kept = state.examples.length > 0 ? await store.bytesKept().catch(() => null) : null;
}

function notKept(error: unknown): void {
  state.unkept = true;
  const text = `Nothing is kept for your next visit: ${store.whyNot(error).message}. Save your genres to a file before you close the page.`;
  notify("kept", text, "warn");
}

/** Runs a change of what is kept of these; where it cannot be kept, the page goes on with what it has. */
async function keep(those: readonly { id: string }[], change: () => Promise<unknown>): Promise<void> {
  const turn = {};
  for (const { id } of those) pending.set(id, turn);
  const done = () => {
    // A later change of one may be under way.
    for (const { id } of those) if (pending.get(id) === turn) pending.delete(id);
  };
  await change().then(done, notKept);
  await measure();
  changed();
}

let judged = 0;
let learned: Genres | null = null;
/** Whether the genres have changed since they were learned. */
let stale = true;

/** Learns the genres anew, and answers again for every song. */
export async function judge(): Promise<void> {
  const turn = ++judged;
  stale = true;
  changed();
  await judgeAll(turn).catch(unanswered);
}

let wanted = false;
let judging = false;

/** The same while many examples are added one after the other: not for each of them. */
async function judgeSoon(): Promise<void> {
  wanted = stale = true;
  changed();
  if (judging) return;
  judging = true;
  try {
    while (wanted) {
      wanted = false;
      await judge();
      await new Promise((done) => setTimeout(done, MOMENT));
    }
  } finally {
    judging = false;
  }
}

/** A device that goes away is told of by a notice of its own; with the next one all songs are answered again. */
function unanswered(error: unknown): void {
  if (!(error instanceof PlainError)) throw error;
  if (error instanceof DeviceLost || state.notices.some(({ id }) => id === "device")) return;
  notify("answer", `Songs could not be compared with your genres: ${error.message}`, "warn");
}

/** Learns the genres if they have changed. Where that cannot be done a person is told, and no song is answered. */
function learn(comparison: Comparison): void {
  if (!stale) return;
  stale = false;
  const genres = state.genres.map((genre) => ({
    name: genre.name,
    examples: examplesOf(genre.id).filter(current),
  }));
  const known = genres.filter((genre) => genre.examples.length > 0);
  try {
    learned = known.length > 0 ? learnGenres(known, comparison) : null;
    dismiss("learn");
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    learned = null;
    notify("learn", `Nothing can be learned from your genres, so that no song is answered: ${error.message}. Remove what you added last.`, "warn");
  }
}

async function judgeAll(turn: number): Promise<void> {
  const { comparison } = await theEngine();
  learn(comparison);
  for (const song of state.songs) {
    if (turn !== judged) return;
    await answerFor(song);
  }
  if (turn === judged) dismiss("answer");
}

async function answerFor(song: Song): Promise<void> {
  const { comparer, comparison } = await theEngine();
  learn(comparison);
  song.answer = learned && (await answer(learned, song.heard.embedding, song.heard.parts, comparer));
}

/** A genre of a name, made if there is none. Throws a [`PlainError`] for what cannot be a name. */
export async function genreFor(name: string): Promise<Genre> {
  const checked = checkedName(name);
  const there = genreNamed(checked);
  if (there) return there;
  const made = { id: freshId(), name: checked, number: freshNumber() };
  state.genres = [...state.genres, made].sort((a, b) => a.number - b.number);
  await keep([made], () => store.keepGenre(made));
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

/** Files whose genre was removed before they were heard, for when it is brought back. */
let passed: Job[] = [];

function exampleJob(file: File, genre: string): Job {
  const wanted = () => {
    if (genreOf(genre)) return true;
    passed.push(job);
    return false;
  };
  const job: Job = {
    name: file.name,
    sound: async () => file,
    wanted,
    done: async (result) => {
      // The genre may have gone while the song was heard.
      if (!wanted()) return;
      await addExample(file.name, result, genre);
      void judgeSoon();
    },
  };
  return job;
}

async function addExample(name: string, { sound, heard, hash }: Result, genre: string): Promise<void> {
  const same = examplesOf(genre).find((example) => example.hash === hash && current(example));
  if (same) throw new PlainError(`It is in ${genreOf(genre)?.name ?? "the genre"} already${same.name === name ? "" : `, as ${same.name}`}.`);
  // One that another model heard makes room for it.
  const old = examplesOf(genre).filter((example) => example.hash === hash);
  const made: Example = {
    id: freshId(), genre, model: state.model, name, hash, seconds: heard.seconds,
    embedding: heard.embedding, levels: heard.levels, clips: heard.clips, sound: false,
  };
  if (old.length > 0) {
    state.examples = state.examples.filter((example) => !old.includes(example));
    await forget(old);
  }
  if (!genreOf(genre)) return;
  state.examples = [...state.examples, made];
  changed();
  await keepWithSound(made, sound);
}

/** Adds examples without a sound, of genres that are there. */
export async function addSilent(examples: readonly Example[]): Promise<void> {
  state.examples = [...state.examples, ...examples];
  await keep(examples, () => store.keepRecords(examples));
}

/** Sounds of examples that the browser had no room for, as long as the page is open. */
const inMemory = new Map<string, Blob>();

async function keepWithSound(example: Example, sound: Blob | null): Promise<void> {
  if (sound) inMemory.set(example.id, sound);
  await keep([example], async () => {
    example.sound = await store.keepExample(example, sound);
    if (example.sound) inMemory.delete(example.id);
    else if (sound) notify("room", "The browser has no more room for sounds. Your examples count all the same, but some of them cannot be played on your next visit.");
    if (!asked) {
      asked = true;
      void store.askToStay();
    }
  });
}

async function forget(examples: readonly Example[]): Promise<void> {
  for (const { id } of examples) inMemory.delete(id);
  await keep(examples, () => store.forget([], ids(examples)));
}

function ids(those: readonly { id: string }[]): string[] {
  return those.map(({ id }) => id);
}

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
    wanted: () => state.examples.some((one) => one.id === example.id),
    done: async ({ heard }) => {
      // It may have gone while it was heard.
      const now = state.examples.find((one) => one.id === example.id);
      if (!now) return;
      const { seconds, embedding, levels, clips } = heard;
      const made = { ...now, model: state.model, seconds, embedding, levels, clips };
      state.examples = state.examples.map((one) => (one === now ? made : one));
      // Its sound is kept already.
      await keep([made], () => store.keepRecords([made]));
      void judgeSoon();
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
  await keep(renamed, () => Promise.all(renamed.map(store.keepGenre)));
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
  const gone = new Set(ids([...genres, ...examples]));
  // First, so that no song that is being heard finds its genre.
  state.examples = state.examples.filter((one) => !gone.has(one.id));
  state.genres = state.genres.filter((one) => !gone.has(one.id));
  const sounds = new Map<string, Blob | null>();
  const forgotten = keep([...genres, ...examples], async () => {
    for (const example of examples) sounds.set(example.id, await soundOf(example).catch(() => null));
    for (const { id } of examples) inMemory.delete(id);
    await store.forget(ids(genres), ids(examples));
  });
  state.undo = {
    text,
    run: () => {
      state.undo = null;
      changed();
      void forgotten.then(() => back(genres, examples, sounds));
    },
  };
  announce(`${text} It can be undone.`);
  await judge();
}

async function back(genres: readonly Genre[], examples: readonly Example[], sounds: Map<string, Blob | null>): Promise<void> {
  for (const genre of genres) {
    // Its name may have been given to another one since.
    const name = genreNamed(genre.name) ? unusedName() : genre.name;
    const again = { ...genre, name };
    state.genres = [...state.genres, again].sort((a, b) => a.number - b.number);
    await keep([again], () => store.keepGenre(again));
  }
  for (const example of examples) {
    // A genre that is gone meanwhile takes none of its songs back.
    if (!genreOf(example.genre)) continue;
    const again = { ...example, sound: false };
    state.examples = [...state.examples, again].sort(byId);
    await keepWithSound(again, sounds.get(example.id) ?? null);
  }
  announce("Brought back.");
  const again = passed;
  passed = [];
  enqueue(again.filter((job) => job.wanted()));
  await judge();
}

/** Has songs heard and answered for. The answer of the first opens, and so does that of a song given alone. */
export function ask(files: readonly File[]): void {
  if (files.length === 0) notify("empty", "There was no music in what you gave.");
  const job = (file: File): Job => ({
    name: file.name, sound: async () => file, wanted: () => true, done: (result) => addSong(file.name, result, files.length === 1),
  });
  enqueue(files.map(job));
}

async function addSong(name: string, { sound, heard, hash, cut }: Result, alone: boolean): Promise<void> {
  const song: Song = { id: freshId(), name, hash, sound, heard, cut, answer: null };
  const turn = judged;
  // Without an answer it is there all the same.
  const answered = await answerFor(song).then(() => true, unanswered);
  // A song that is asked about again takes its own place.
  const first = state.songs.every((other) => other.hash === hash);
  state.songs = [song, ...state.songs.filter((other) => other.hash !== hash)];
  if (first || alone || state.open === null) state.open = song.id;
  const told = song.answer && (song.answer.unknown ? "like none of your genres" : song.answer.ranked[0]?.genre);
  if (told) announce(`${title(name)}: ${told}.`);
  changed();
  // The genres may be others by now.
  if (!answered || turn !== judged) void judgeSoon();
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
  try {
    await addExample(song.name, song, genre.id);
    announce(`${title(song.name)} is now an example of ${genre.name}.`);
    await judge();
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    problem(song.name, error.message);
  }
}
