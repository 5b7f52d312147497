/** The personal library behind `gamaka serve`: its tracks by genre, heard, explained and corrected. */

import { count as counted, element, marker, rows, say, set } from "../page/elements.ts";
import { onChange } from "../page/state.ts";
import { PlainError } from "../words.ts";
import { library, list, theLibrary, type Library, type List, type Track, type Wanted } from "./api.ts";
import { changesPanel } from "./changes.ts";
import { trackRow } from "./track.ts";

/** Tracks on a page. */
const PAGE = 50;

/** How long a search waits for another letter, in ms. */
const PATIENCE = 200;

/** What the parts of the view share. */
export interface View {
  library: Library;
  /** The track whose reasons are open. */
  open: number | null;
  /** Colour and shape of a genre; null is unknown. */
  number(genre: string | null): number | null;
  /** Opens the reasons of a track, or closes them. */
  toggle(id: number): void;
  /** Shows one track alone, with its reasons. */
  show(name: string, id: number): void;
  /** Tells what went wrong, where it is seen. */
  warn(error: unknown): void;
  /** Does something that changes the library, and shows what is there then. */
  change(run: () => Promise<void>): Promise<void>;
}

/** Builds the view, and tells whether there is a library. */
export async function mountLibrary(root: HTMLElement): Promise<boolean> {
  try {
    const first = await theLibrary();
    if (!first) return false;
    build(root, first);
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    root.append(element("h2", {}, "Your library"), element("p", { class: "notice warn", role: "alert" }, error.message));
  }
  return true;
}

/** A choice of the shelves beside the list. */
interface Shelf {
  key: string;
  name: string;
  number: number | null | undefined;
  tracks: number;
  wanted: Pick<Wanted, "genre" | "unknown" | "examples">;
}

function build(root: HTMLElement, first: Library): void {
  const wanted: Wanted = { genre: null, unknown: false, examples: false, text: "", id: null, order: "path", from: 0, count: PAGE };
  let shown: List = { total: 0, from: 0, tracks: [] };
  /** Which question is the newest: an answer to an older one is not shown. */
  let asked = 0;
  let busy = false;

  /** A genre keeps its colour and shape while others come and go. */
  const numbers = new Map<string, number>();

  const view: View = {
    library: first,
    open: null,
    number(genre) {
      if (genre === null || !view.library.genres.some(({ name }) => name === genre)) return null;
      if (!numbers.has(genre)) numbers.set(genre, numbers.size);
      return numbers.get(genre)!;
    },
    toggle(id) {
      view.open = view.open === id ? null : id;
      draw();
    },
    show(name, id) {
      Object.assign(wanted, { genre: null, unknown: false, examples: false, text: name, id, from: 0 });
      search.value = name;
      view.open = id;
      wrong.hidden = true;
      void refresh().then(() => told.focus()).catch(view.warn);
    },
    warn(error) {
      const plain = typeof error === "string" || error instanceof PlainError;
      if (!plain) console.error(error);
      wrong.hidden = false;
      say(wrong, typeof error === "string" ? error : error instanceof PlainError ? error.message : `A fault of this page: ${String(error)}`);
    },
    async change(run) {
      if (busy) return;
      busy = true;
      wrong.hidden = true;
      set(root, "aria-busy", true);
      await run().catch(view.warn);
      // What could not be done may be so because something else is there by now.
      await refresh().catch(view.warn);
      busy = false;
      set(root, "aria-busy", false);
    },
  };

  const wrong = element("p", { class: "notice warn", role: "alert", hidden: true });
  const about = element("p", { class: "soft" });
  const start = element("p", { class: "notice" }, "No genre has an example yet. Open a track and say what it is; with two genres, the others find theirs.");
  const shelves = element("ul", {});
  const search = element("input", { type: "search", id: "library-search", autocomplete: "off", spellcheck: "false", oninput: () => {
    clearTimeout(typing);
    typing = setTimeout(() => turn({ text: search.value.trim(), from: 0 }), PATIENCE);
  } });
  let typing: ReturnType<typeof setTimeout> | undefined;
  const order = element("select", { id: "library-order", onchange: () => turn({ order: order.value === "doubt" ? "doubt" : "path", from: 0 }) },
    element("option", { value: "path" }, "As in the folders"), element("option", { value: "doubt" }, "Least certain first"));
  const told = element("h3", { tabindex: -1, class: "told" });
  const tracks = element("ul", { class: "tracks card", "aria-label": "Tracks" });
  const before = element("button", { type: "button", onclick: () => page(-PAGE) }, "Earlier");
  const after = element("button", { type: "button", onclick: () => page(PAGE) }, "Later");
  const where = element("span", { class: "soft" });
  const pages = element("div", { class: "pages" }, before, where, after);
  const panel = changesPanel(view);
  root.append(
    element("h2", { id: "library-title" }, "Your library"), about, start, panel.root, wrong,
    element("div", { class: "library" },
      element("nav", { class: "shelves", "aria-label": "Genres of your library" }, shelves),
      element("div", {},
        element("div", { class: "find" },
          element("div", {}, element("label", { for: "library-search" }, "Search title, artist or file"), search),
          element("div", {}, element("label", { for: "library-order" }, "Order"), order)),
        told, tracks, pages)),
  );
  root.removeAttribute("aria-label");
  root.setAttribute("aria-labelledby", "library-title");

  const drawShelves = rows(shelves, (shelf: Shelf) => shelf.key, shelfRow);
  const drawTracks = rows(tracks, (track: Track) => String(track.id), (track) => trackRow(track, view));

  function shelfRow(made: Shelf) {
    let shelf = made;
    const sign = element("span", { class: "sign" });
    const name = element("span", { class: "name" });
    const number = element("span", { class: "number" });
    const press = element("button", { type: "button", class: "bare opens", onclick: () => turn({ ...shelf.wanted, from: 0 }) }, sign, name, number);
    let drawn: number | null | undefined;
    return {
      root: element("li", {}, press),
      update(next: Shelf) {
        shelf = next;
        if (drawn !== shelf.number) {
          drawn = shelf.number;
          sign.replaceChildren(...(drawn === undefined ? [] : [marker(drawn)]));
        }
        say(name, shelf.name);
        say(number, shelf.tracks.toLocaleString("en"));
        const { genre, unknown, examples } = shelf.wanted;
        const current = wanted.genre === genre && wanted.unknown === unknown && wanted.examples === examples;
        set(press, "aria-current", current && "true");
      },
    };
  }

  /** Asks for another list. */
  function turn(to: Partial<Wanted>): void {
    Object.assign(wanted, { id: null }, to);
    view.open = null;
    wrong.hidden = true;
    void refresh().catch(view.warn);
  }

  function page(by: number): void {
    turn({ from: Math.max(0, wanted.from + by) });
    told.scrollIntoView({ block: "start" });
    told.focus({ preventScroll: true });
  }

  async function refresh(): Promise<void> {
    asked += 1;
    const own = asked;
    const there = await library();
    // Its last example may be gone.
    if (wanted.genre !== null && !there.genres.some(({ name }) => name === wanted.genre)) wanted.genre = null;
    let found = await list(wanted);
    if (found.tracks.length === 0 && found.total > 0) {
      wanted.from = PAGE * Math.floor((found.total - 1) / PAGE);
      found = await list(wanted);
    }
    if (own !== asked) return;
    view.library = there;
    shown = found;
    draw();
  }

  function draw(): void {
    const { library } = view;
    const hours = library.seconds / 3600;
    const long = hours < 2 ? counted(Math.round(library.seconds / 60), "minute") : counted(Math.round(hours), "hour");
    say(about, `${counted(library.tracks, "track")}, ${long}, in ${library.path}. What you correct here counts for every command of gamaka.`);
    start.hidden = library.genres.length > 0;
    const all = { genre: null, unknown: false, examples: false };
    const choices: Shelf[] = [
      { key: "all", name: "All tracks", number: undefined, tracks: library.tracks, wanted: all },
      ...library.genres.map(({ name, tracks }) => ({ key: `genre ${name}`, name, number: view.number(name), tracks, wanted: { ...all, genre: name } })),
    ];
    if (library.genres.length > 0) {
      choices.push(
        { key: "unknown", name: "Unknown", number: null, tracks: library.unknown, wanted: { ...all, unknown: true } },
        { key: "examples", name: "Examples", number: undefined, tracks: library.examples, wanted: { ...all, examples: true } },
      );
    }
    drawShelves(choices);
    panel.update();
    const { total, from } = shown;
    const what = wanted.genre ?? (wanted.unknown ? "Unknown" : wanted.examples ? "Examples" : "All tracks");
    say(told, `${what}${wanted.text ? ` with “${wanted.text}”` : ""}: ${total === 0 ? "none" : total.toLocaleString("en")}`);
    tracks.hidden = total === 0;
    drawTracks(shown.tracks);
    pages.hidden = total <= PAGE;
    before.disabled = from === 0;
    after.disabled = from + PAGE >= total;
    say(where, `${(from + 1).toLocaleString("en")} to ${Math.min(from + PAGE, total).toLocaleString("en")} of ${total.toLocaleString("en")}`);
  }

  onChange(draw);
  draw();
  void refresh().catch(view.warn);
}
