/** The songs that were asked about, with their answers and reasons. */

import type { Answer } from "../genres/answer.ts";
import { isWithin } from "../genres/names.ts";
import { ask, judge, removeSong, teach } from "./collection.ts";
import { button, clock, count, element, icon, iconButton, marker, parted, percent, rows, say, set, title, type Row } from "./elements.ts";
import { playable } from "./genres_view.ts";
import { playButton, playFrom, playing, type Playable } from "./player.ts";
import { drawSpectrogram, type Spectrogram } from "./spectrogram.ts";
import { changed, current, freshId, genreNamed, genreOf, state, type Example, type Song } from "./state.ts";
import { dropZone } from "./zones.ts";

/** Genres that an answer shows before it is asked for all. */
const SHOWN = 5;

/** Builds the part of the page with the songs, and returns what draws it. */
export function buildSongs(root: HTMLElement): () => void {
  const zone = dropZone(
    { title: "Drop songs to ask about", hint: "or press to choose them. Each gets an answer, with its reasons.", folder: "Choose a folder" },
    (found) => ask(found.map(({ file }) => file)),
  );
  const list = element("ul", { class: "songs", "aria-label": "Songs that you asked about" });
  const told = element("p", { class: "soft" });
  const clear = button("Remove all songs", "quiet", () => {
    const songs = state.songs;
    state.songs = [];
    state.undo = { text: `Removed ${count(songs.length, "song")}.`, run: () => bring(songs) };
    changed();
  }, "bin");
  const tools = element("div", { class: "tools" }, clear);
  root.append(element("h2", { id: "songs-title" }, "Songs to name"), told, zone, list, tools);
  const draw = rows(list, (song: Song) => song.id, songCard);
  return () => {
    draw(state.songs);
    list.hidden = tools.hidden = state.songs.length === 0;
    zone.classList.toggle("small", state.songs.length > 0);
    const genres = state.genres.length;
    say(told, genres === 0 ? "First give your genres, then a song to name."
      : genres === 1 ? "With one genre it can only tell whether a song is like it. Give a second one to choose between."
      : "They are listened to, and not kept.");
  };
}

function bring(songs: readonly Song[]): void {
  state.undo = null;
  state.songs = [...state.songs, ...songs];
  // The genres may be others by now.
  void judge();
}

function whole(song: Song): Playable {
  return { id: `song ${song.id}`, title: title(song.name), sound: async () => song.sound, part: null };
}

function partId(song: Song): string {
  return `part ${song.id} ${song.answer?.decided?.start}`;
}

function songCard(first: Song): Row<Song> {
  let song = first;
  let body: Row<Song> | null = null;
  const play = playButton("round");
  const name = element("span", { class: "name" });
  const verdict = element("span", { class: "verdict" });
  const place = element("div", { class: "song-body", id: freshId(), hidden: true });
  const open = element(
    "button",
    { type: "button", class: "bare opens", "aria-expanded": "false", "aria-controls": place.id, onclick: () => {
      state.open = state.open === song.id ? null : song.id;
      changed();
    } },
    name, verdict, icon("down"),
  );
  const head = element("div", { class: "song-head" }, play.root, element("h3", {}, open), iconButton("close", `Remove ${title(song.name)}`, "", () => removeSong(song)));
  const root = element("li", { class: "card song" }, head, place);
  let shown: Answer | null | undefined;
  return {
    root,
    update(next) {
      song = next;
      play.update(whole(song));
      say(name, title(song.name));
      // Without an answer, why is another matter once there are genres.
      if (shown !== song.answer || !song.answer) {
        shown = song.answer;
        drawVerdict(verdict, song.answer);
      }
      const opened = state.open === song.id;
      set(open, "aria-expanded", String(opened));
      place.hidden = !opened;
      if (!opened) return;
      // Built when it is first looked at: many songs may have been dropped.
      if (!body) {
        body = answerBody(song);
        place.append(body.root);
      }
      body.update(song);
    },
  };
}

/** Whether a song can be compared with anything. */
function comparable(): boolean {
  return state.examples.some(current);
}

function drawVerdict(verdict: HTMLElement, answer: Answer | null): void {
  const best = answer?.ranked[0];
  if (!answer || !best) return verdict.replaceChildren(element("span", { class: "soft" }, comparable() ? "no answer yet" : "no genres yet"));
  if (answer.unknown) return verdict.replaceChildren(marker(null), element("span", {}, "unknown"));
  verdict.replaceChildren(marker(genreNamed(best.genre)?.number ?? null), element("span", {}, best.genre), element("span", { class: "soft" }, percent(best.probability)));
}

/** The whole answer for a song. */
function answerBody(first: Song): Row<Song> {
  let song = first;
  let all = false;
  const says = element("p", { class: "says" });
  const bars = element("ol", { class: "bars", "aria-label": "Your genres, the likeliest first" });
  const more = button("", "quiet", () => {
    all = !all;
    shown = undefined;
    update(song);
  });
  const near = element("ul", { class: "examples" });
  const nearest = element("div", {}, element("h4", {}, "Most like these songs of yours"), near);
  const picture = element("div", { class: "spectrogram" });
  const decided = element("span", {});
  const playPart = playButton("", "Play these seconds");
  const figure = element("figure", {}, picture, element("figcaption", {}, decided, playPart.root));
  const which = element("select", { id: freshId() });
  const add = button("Add it", "", () => {
    const genre = genreOf(which.value);
    if (genre) void teach(song, genre);
  });
  const correct = element("div", { class: "correct" }, element("label", { for: which.id }, "Right or wrong, it can become an example of"), which, add);
  const root = element("div", {}, says, element("div", { class: "answer" }, element("div", {}, bars, more), nearest), figure, correct);
  const drawNear = rows(near, (one: Near) => one.key, nearRow);
  let shown: Answer | null | undefined;
  let drawing: Spectrogram | null = null;
  let drawn = "";

  function update(next: Song): void {
    song = next;
    const { answer } = song;
    const genres = state.genres.map((genre) => `${genre.id} ${genre.name}`).join("\n");
    if (which.dataset.genres !== genres) {
      which.dataset.genres = genres;
      const chosen = which.value;
      which.replaceChildren(...state.genres.map((genre) => element("option", { value: genre.id }, genre.name)));
      which.value = chosen || (genreNamed(answer?.ranked[0]?.genre ?? "")?.id ?? "");
      if (!which.value) which.selectedIndex = 0;
    }
    correct.hidden = state.genres.length === 0;
    if (shown !== answer || !answer) {
      shown = answer;
      say(says, sentence(song));
      bars.replaceChildren(...(answer ? barRows(answer, all) : []));
      bars.classList.toggle("unsure", answer?.unknown ?? false);
      more.hidden = (answer?.ranked.length ?? 0) <= SHOWN;
      say(more, all ? "Show fewer" : `Show all ${answer?.ranked.length ?? 0}`);
    }
    const nearby = (answer?.nearest ?? []).flatMap((one, at) => {
      const example = state.examples.find((other) => other === one.example);
      return example ? [{ key: `${at} ${example.id}`, example }] : [];
    });
    nearest.hidden = nearby.length === 0;
    drawNear(nearby);
    // Where there is but one part, it decided nothing.
    const part = (song.heard.parts.length > 1 && answer?.decided) || null;
    const key = JSON.stringify([part?.start, part?.end]);
    if (key !== drawn) {
      drawn = key;
      drawing?.close();
      const play = (second: number) => void playFrom(whole(song), second);
      drawing = drawSpectrogram(picture, song.heard.levels, song.heard.seconds, part, play, state.bandHz);
    }
    const now = playing();
    const own = now !== null && [`song ${song.id}`, partId(song)].includes(now.what.id);
    drawing?.at(own ? (now.what.part?.start ?? 0) + now.at : null);
    const best = answer?.ranked[0]?.genre;
    say(decided, part && best ? `Seconds ${clock(part.start)} to ${clock(part.end)} are most like ${best}.` : "");
    playPart.root.hidden = part === null;
    if (part) playPart.update({ ...whole(song), id: partId(song), part });
  }
  return { root, update };
}

/** The answer in a sentence. */
function sentence({ answer, cut, heard }: Song): string {
  const only = cut ? ` Only the first ${clock(heard.seconds)} were heard.` : "";
  const best = answer?.ranked[0];
  if (!answer || !best) return `${comparable() ? "It has not been compared with your genres yet." : "There is no genre to compare it with yet."}${only}`;
  if (answer.unknown) return `Probably none of your genres: nearest is ${best.genre}, but it is farther away than songs of one genre are from one another.${only}`;
  if (answer.ranked.length === 1) return `It is like your songs of ${best.genre}.${only}`;
  const second = answer.ranked[1];
  const close = second && second.probability > 0.6 * best.probability;
  if (close) return `Between ${best.genre} and ${second.genre}.${only}`;
  return `${best.probability >= 0.8 ? "It is" : "It is most likely"} ${best.genre}.${only}`;
}

function barRows(answer: Answer, all: boolean): HTMLElement[] {
  const bar = (name: string, probability: number, number: number | null, kind: string) => {
    const fill = element("span", { class: "fill" });
    fill.style.setProperty("width", `${100 * probability}%`);
    return element(
      "li", { class: `${kind} ${number === null ? "" : `c${number % 8}`}` },
      element("span", { class: "name" }, kind === "" && marker(number), element("span", {}, ...parted(name))),
      element("span", { class: "track" }, fill),
      element("span", { class: "number" }, percent(probability)),
    );
  };
  // A genre with one other in it has nothing to add to that one.
  const wide = answer.parents.filter((one) => answer.ranked.filter(({ genre }) => isWithin(genre, one.genre)).length > 1);
  const parents = wide.map((one) => bar(`All ${one.genre}`, one.probability, genreNamed(one.genre)?.number ?? null, "parent"));
  const ranked = answer.ranked.slice(0, all ? undefined : SHOWN);
  return [...ranked.map((one) => bar(one.genre, one.probability, genreNamed(one.genre)?.number ?? null, "")), ...parents];
}

interface Near {
  key: string;
  example: Example;
}

function nearRow(): Row<Near> {
  const play = playButton("round small");
  const name = element("span", { class: "name" });
  const genre = element("span", { class: "of" });
  const root = element("li", {}, play.root, name, genre);
  return {
    root,
    update({ example }) {
      const its = genreOf(example.genre);
      play.update(playable(example));
      say(name, title(example.name));
      if (genre.dataset.genre !== its?.name) {
        genre.dataset.genre = its?.name ?? "";
        genre.replaceChildren(marker(its?.number ?? null), its?.name ?? "");
      }
    },
  };
}
