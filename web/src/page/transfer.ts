/** Genres as a file, to keep or to pass on: the one that `gamaka genre` reads and writes. */

import { readShared, writeShared, type Shared } from "../genres/shared.ts";
import { checkEmbedding } from "../genres/vectors.ts";
import { PlainError } from "../words.ts";
import { addSilent, genreFor, judge } from "./collection.ts";
import { count } from "./elements.ts";
import { theBundle } from "./engine.ts";
import { announce, changed, current, dismiss, examplesOf, freshId, notify, problem, state, type Example } from "./state.ts";

/** Bytes of the largest file that `gamaka genre` reads. */
const LARGEST = 64 * 2 ** 20;

/** Has the browser save all genres that have examples. */
export async function saveGenres(): Promise<void> {
  const bundle = await theBundle();
  const genres = state.genres.map((genre) => ({ name: genre.name, examples: examplesOf(genre.id).filter(current) }));
  const text = writeShared(genres.filter((genre) => genre.examples.length > 0), bundle.manifest.model);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "genres.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  announce("Your genres were saved to the file genres.json.");
  const left = state.examples.length - genres.reduce((sum, { examples }) => sum + examples.length, 0);
  if (left === 0) return dismiss("saved");
  const are = left === 1 ? "song is" : "songs are";
  notify("saved", `${left} ${are} not in the file: another version of the program heard them. Save again once they were heard anew.`, "warn");
}

/** Adds what a file of genres holds to what is there; a song that is there already is not added twice. */
export async function openGenres(file: File): Promise<void> {
  try {
    if (file.size > LARGEST) throw new PlainError("It is larger than 64 MiB, which no file of genres is");
    const bundle = await theBundle();
    const shared = readShared(await file.text(), bundle.manifest.model, "It");
    checkEmbeddings(shared);
    const added: Example[] = [];
    for (const { name, examples } of shared.genres) {
      const genre = await genreFor(name);
      const there = new Set(examplesOf(genre.id).filter(current).map((example) => example.hash));
      for (const one of examples) {
        if (there.has(one.hash)) continue;
        there.add(one.hash);
        added.push({ ...one, id: freshId(), genre: genre.id, model: state.model, levels: null, clips: [], sound: false });
      }
    }
    await addSilent(added);
    notify("opened", `${file.name}: ${count(added.length, "song")} added. A file of genres holds what was heard, not the sounds, so they cannot be played.`);
    await judge();
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    problem(file.name, `${error.message}.`);
  }
  changed();
}

/** Refuses what no genre could be learned from, before any of it is kept. */
function checkEmbeddings({ model, genres }: Shared): void {
  for (const { name, examples } of genres) {
    try {
      for (const { embedding } of examples) checkEmbedding(embedding, model.width);
    } catch {
      throw new PlainError(`It has an example of the genre ${name} that cannot be compared`);
    }
  }
}
