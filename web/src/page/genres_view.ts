/** The genres with their examples: given, named, looked at, heard, removed. */

import { addExamples, genreFor, isPlayable, removeExample, removeGenre, removeGenres, rename, soundOf, unusedName } from "./collection.ts";
import { PlainError } from "../words.ts";
import { button, clock, count, element, icon, iconButton, marker, rows, say, set, size, title, type Row } from "./elements.ts";
import { chooser } from "./files.ts";
import { drawThumb } from "./pictures.ts";
import { playButton } from "./player.ts";
import { current, examplesOf, freshId, state, type Example, type Genre } from "./state.ts";
import { openGenres, saveGenres } from "./transfer.ts";
import { dropZone, takesFiles } from "./zones.ts";

/** Small pictures that a closed genre shows. */
const THUMBS = 8;

/** The genre whose name is being written. */
let naming: string | null = null;

/** Builds the part of the page with the genres, and returns what draws it. */
export function buildGenres(root: HTMLElement): () => void {
  const list = element("ul", { class: "genres", "aria-label": "Your genres" });
  const zone = dropZone(
    { title: "Drop songs of a genre", hint: "or press to choose them. Folders become genres of their names.", folder: "Choose a folder" },
    (found) => void addExamples(found, null).then(nameNext),
  );
  const told = element("p", { class: "soft small", id: "genres-told" });
  const save = button("Save to a file", "quiet", () => void saveGenres(), "save");
  const shared = chooser("json", ([one]) => one && void openGenres(one.file));
  const open = button("Open a file", "quiet", () => shared.click(), "open");
  const clear = button("Remove all", "quiet", () => {
    void removeGenres(state.genres, `Removed ${count(state.genres.length, "genre")} with ${count(state.examples.length, "song")}.`);
  }, "bin");
  const fresh = button("New genre", "quiet", () => void genreFor(unusedName()).then(nameNext), "plus");
  const tools = element("div", { class: "tools" }, fresh, open, save, clear, shared);
  root.append(
    element("h2", { id: "genres-title" }, "Your genres"),
    element("p", { class: "soft" }, "One song says something, five say much."),
    zone, list, tools, told,
  );
  const draw = rows(list, (genre: Genre) => genre.id, genreCard);
  return () => {
    draw(state.genres);
    list.hidden = state.genres.length === 0;
    save.hidden = state.examples.filter(current).length === 0;
    clear.hidden = state.genres.length === 0;
    zone.classList.toggle("small", state.genres.length > 0);
    const kept = state.kept === null ? "" : ` (about ${size(state.kept)})`;
    say(told, state.examples.length === 0 || state.unkept ? "" : `Kept in this browser for your next visit${kept}.`);
  };
}

/** Has the name of a genre written that has none yet. */
function nameNext(genre: Genre | null): void {
  if (!genre) return;
  naming = genre.id;
  const row = document.getElementById(`genre-${genre.id}`);
  row?.dispatchEvent(new Event("name"));
}

function genreCard(first: Genre): Row<Genre> {
  let genre = first;
  const sign = element("span", { class: "sign" }, marker(genre.number));
  const name = element("h3", {});
  const number = element("span", { class: "soft" });
  const problem = element("p", { class: "wrong small", role: "alert", hidden: true, id: freshId() });
  const input = element("input", { type: "text", "aria-label": "Name of the genre", maxlength: 200, "aria-describedby": problem.id, autocomplete: "off" });
  const form = element("form", { class: "naming", hidden: true, onsubmit: (event: Event) => (event.preventDefault(), void finish()) },
    input, element("button", { type: "submit", class: "full" }, "Save"), button("Cancel", "quiet", () => end()));
  const pencil = iconButton("pencil", "", "", () => begin());
  const chosen = chooser("files", (found) => void addExamples(found, genre));
  const add = iconButton("plus", "", "", () => chosen.click());
  const bin = iconButton("bin", "", "", () => void removeGenre(genre));
  const strip = element("span", { class: "strip", "aria-hidden": "true" });
  const more = element("span", { class: "more" });
  const songs = element("ul", { class: "examples", id: freshId(), hidden: true });
  const open = element("button", { type: "button", class: "bare opens", "aria-expanded": "false", "aria-controls": songs.id, onclick: () => show(songs.hidden !== false) }, strip, more, icon("down"));
  const head = element("div", { class: "genre-head" }, sign, name, number, add, pencil, bin, chosen);
  const root = element("li", { class: "card genre", id: `genre-${genre.id}` }, head, form, problem, open, songs);
  takesFiles(root, (found) => void addExamples(found, genre));
  root.addEventListener("name", () => begin());
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end();
  });

  const thumbs = rows(strip, (example: Example) => example.id, thumb);
  const examples = rows(songs, (example: Example) => example.id, exampleRow);

  function show(opened: boolean): void {
    songs.hidden = !opened;
    set(open, "aria-expanded", String(opened));
    update(genre);
  }

  function begin(): void {
    naming = null;
    form.hidden = false;
    head.hidden = true;
    input.value = genre.name;
    input.focus();
    input.select();
  }
  function end(): void {
    form.hidden = true;
    head.hidden = false;
    problem.hidden = true;
    set(input, "aria-invalid", null);
    pencil.focus();
  }
  async function finish(): Promise<void> {
    try {
      await rename(genre, input.value);
      end();
    } catch (error) {
      if (!(error instanceof PlainError)) throw error;
      problem.hidden = false;
      say(problem, error.message.replace(/\.?$/, "."));
      set(input, "aria-invalid", "true");
      input.focus();
    }
  }
  function update(next: Genre): void {
    genre = next;
    const its = examplesOf(genre.id);
    say(name, genre.name);
    say(number, count(its.length, "song"));
    for (const [one, label] of [[add, "Add songs to"], [pencil, "Rename"], [bin, "Remove"]] as const) {
      set(one, "aria-label", `${label} ${genre.name}`);
      set(one, "title", `${label} ${genre.name}`);
    }
    open.hidden = its.length === 0;
    thumbs(songs.hidden ? its.slice(0, THUMBS) : []);
    say(more, songs.hidden ? (its.length > THUMBS ? `+${its.length - THUMBS}` : "") : "Close");
    set(more, "aria-hidden", songs.hidden ? "true" : null);
    set(open, "aria-label", `${songs.hidden ? "Show" : "Close"} the songs of ${genre.name}`);
    root.className = `card genre c${genre.number % 8}`;
    if (!songs.hidden) examples(its);
    if (naming === genre.id) queueMicrotask(begin);
  }
  return { root, update };
}

function thumb(first: Example): Row<Example> {
  const root = element("span", { class: "thumb" });
  drawThumb(root, first.levels);
  return { root, update: () => undefined };
}

/** One that can be played, as the player takes it. */
export function playable(example: Example) {
  return isPlayable(example) ? { id: `example ${example.id}`, title: title(example.name), sound: () => soundOf(example), part: null } : null;
}

function exampleRow(first: Example): Row<Example> {
  let example = first;
  const play = playButton("round small");
  const name = element("span", { class: "name" });
  const length = element("span", { class: "time" });
  const remove = iconButton("close", `Remove ${title(first.name)}`, "", () => void removeExample(example));
  const root = element("li", {}, play.root, name, length, remove);
  return {
    root,
    update(next) {
      example = next;
      play.update(playable(example));
      say(name, title(example.name));
      set(name, "title", example.name);
      say(length, current(example) ? clock(example.seconds) : isPlayable(example) ? "to be heard again" : "to be given again");
    },
  };
}
