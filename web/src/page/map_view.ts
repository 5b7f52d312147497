/** The map of all songs that the page knows. */

import { PlainError } from "../words.ts";
import { element, title } from "./elements.ts";
import { theEngine } from "./engine.ts";
import { playable } from "./genres_view.ts";
import { drawable, drawMap, type MapPoint } from "./map.ts";
import { toggle } from "./player.ts";
import { changed, current, genreNamed, genreOf, state } from "./state.ts";

/** Songs from which on a map says anything. */
const FEWEST = 3;

/** Builds the part of the page with the map, and returns what draws it. */
export function buildMap(root: HTMLElement, link: HTMLElement): () => void {
  const place = element("div", { class: "card map" });
  root.append(element("h2", { id: "map-title" }, "Everything on one map"), place);
  let drawn: unknown[] = [];
  let turn = 0;
  async function draw(points: MapPoint[]): Promise<void> {
    const mine = ++turn;
    const { comparer } = await theEngine();
    const vectors = drawable(points).map((point) => point.embedding);
    const distances = await comparer.distances(vectors, vectors);
    if (mine === turn) drawMap(place, points, pick, distances);
  }
  return () => {
    const examples = state.examples.filter(current);
    root.hidden = link.hidden = examples.length + state.songs.length < FEWEST;
    // While many songs are heard it would move with each of them.
    if (root.hidden || state.work !== null) return;
    // What failed on a device that went away is drawn with the next; what failed otherwise would fail again.
    const now = [theEngine(), ...state.genres, ...examples, ...state.songs, ...state.songs.map((song) => song.answer)];
    if (now.length === drawn.length && now.every((one, at) => one === drawn[at])) return;
    drawn = now;
    draw(points()).catch((error: unknown) => {
      // What a device could not do is told elsewhere.
      if (!(error instanceof PlainError)) throw error;
    });
  };
}

function points(): MapPoint[] {
  const examples = state.examples.filter(current).map(({ id, name, genre, embedding }) => {
    const its = genreOf(genre);
    return { id: `example ${id}`, name: title(name), genre: its?.name ?? null, number: its?.number ?? null, asked: false, embedding };
  });
  const songs = state.songs.map(({ id, name, answer, heard }) => {
    const its = answer && !answer.unknown ? genreNamed(answer.ranked[0]?.genre ?? "") : undefined;
    return { id: `song ${id}`, name: title(name), genre: its?.name ?? null, number: its?.number ?? null, asked: true, embedding: heard.embedding };
  });
  return [...examples, ...songs];
}

/** Plays what was chosen, and opens the answer of a song. */
function pick(id: string): void {
  const song = state.songs.find((one) => `song ${one.id}` === id);
  if (song) {
    state.open = song.id;
    changed();
    void toggle({ id, title: title(song.name), sound: async () => song.sound, part: null });
    return;
  }
  const example = state.examples.find((one) => `example ${one.id}` === id);
  const what = example && playable(example);
  if (what) void toggle(what);
}
