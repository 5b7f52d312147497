/** A track of the library in its list, with the reasons for its genre and the means to correct it. */

import { button, clock, element, icon, marker, percent, rows, say, set, type Row } from "../page/elements.ts";
import { playButton, type Playable } from "../page/player.ts";
import { freshId } from "../page/state.ts";
import { PlainError } from "../words.ts";
import { sound, told, type Told, type Track } from "./api.ts";
import { corrected } from "./changes.ts";
import type { View } from "./library.ts";

/** Genres that an answer shows, and those of them that are a click away. */
const SHOWN = 5;

function playable(view: View, id: number, name: string, part: Playable["part"] = null): Playable {
  return { id: `library ${id} ${part?.start ?? ""}`, title: name, sound: () => sound(id), part, failed: (reason) => view.warn(`${name}: ${reason}`) };
}

/** A genre with its sign; none is unknown. */
function genreSign(genre: string | null, view: View): (Node | string)[] {
  return [marker(view.number(genre)), element("span", {}, genre ?? "unknown")];
}

export function trackRow(first: Track, view: View): Row<Track> {
  let track = first;
  let body: Reasons | null = null;
  const play = playButton("round small");
  const name = element("span", { class: "name" });
  const more = element("span", { class: "time" });
  const verdict = element("span", { class: "verdict" });
  const place = element("div", { class: "track-body", id: freshId(), hidden: true });
  const open = element(
    "button",
    { type: "button", class: "bare opens", "aria-expanded": "false", "aria-controls": place.id, onclick: () => view.toggle(track.id) },
    element("span", { class: "called" }, name, more), verdict, icon("down"),
  );
  let shown = "";
  return {
    root: element("li", {}, element("div", { class: "track-head" }, play.root, open), place),
    update(next) {
      track = next;
      play.update(playable(view, track.id, track.name));
      say(name, track.name);
      say(more, [track.album, clock(track.seconds)].filter(Boolean).join(" · "));
      const number = view.number(track.genre);
      const state = JSON.stringify([track, number, view.library.genres.length]);
      if (shown !== state) {
        shown = state;
        drawVerdict(verdict, track, view);
      }
      const opened = view.open === track.id;
      set(open, "aria-expanded", String(opened));
      place.hidden = !opened;
      if (!opened) return body?.closed();
      if (!body) {
        body = reasons(view);
        place.append(body.root);
      }
      body.update(track);
    },
  };
}

function drawVerdict(verdict: HTMLElement, track: Track, view: View): void {
  if (view.library.genres.length === 0) return verdict.replaceChildren(element("span", { class: "soft" }, "no genres yet"));
  const sure = track.examples.length > 0 ? "your example" : track.genre !== null && track.probability !== null ? percent(track.probability) : "";
  verdict.replaceChildren(...genreSign(track.genre, view), element("span", { class: "soft" }, sure));
}

interface Reasons extends Row<Track> {
  /** They are not seen any more: what could not be told is asked again when they are. */
  closed(): void;
}

/** Why a track is taken for what it is, what sounds like it, and what it is really. */
function reasons(view: View): Reasons {
  let track: Track | null = null;
  let asked = "";
  let failed = false;
  /** What was told last: it stays until more is known. */
  let known: Told | null = null;
  const says = element("p", { class: "says" }, "…");
  const bars = element("ol", { class: "bars", "aria-label": "Your genres, the likeliest first" });
  const near = element("ul", { class: "examples" });
  const nearest = element("div", {}, element("h4", {}, "Most like these examples"), near);
  const decided = element("span", {});
  const part = playButton("", "Play these seconds");
  const seconds = element("p", { class: "decided" }, decided, part.root);
  const alike = element("ul", { class: "examples" });
  const similar = element("div", {}, element("h4", {}, "Sounds most like"), alike);
  const clicks = element("span", { class: "clicks" });
  const names = element("datalist", { id: freshId() });
  const other = element("input", { type: "text", id: freshId(), list: names.id, maxlength: 200, autocomplete: "off" });
  const form = element("form", { class: "clicks", onsubmit: (event: SubmitEvent) => {
    event.preventDefault();
    if (other.value.trim()) is(other.value.trim());
  } }, element("label", { for: other.id }, "or"), other, names, element("button", { type: "submit" }, "It is this"));
  const ask = element("span", {});
  const right = element("div", { class: "correct" }, ask, clicks, form);
  const path = element("p", { class: "soft small" });
  const root = element("div", {}, says, right, element("div", { class: "answer" }, element("div", {}, bars, seconds), nearest), similar, path);
  const drawNear = rows(near, ({ at, name }: Other) => `${at} ${name}`, () => otherRow(view));
  const drawAlike = rows(alike, ({ at, name }: Other) => `${at} ${name}`, () => otherRow(view));

  /** Corrects the track. */
  function is(genre: string | null): void {
    const corrects = track!;
    void view.change(() => corrected(view, corrects, genre));
  }

  function draw(found: Told): void {
    const { answer, examples } = found;
    say(says, sentence(found));
    const ranked = answer?.ranked.slice(0, SHOWN) ?? [];
    bars.replaceChildren(...ranked.map(({ genre, probability }) => {
      const number = view.number(genre);
      const fill = element("span", { class: "fill" });
      fill.style.setProperty("width", `${100 * probability}%`);
      return element("li", { class: number === null ? "" : `c${number % 8}` },
        element("span", { class: "name" }, marker(number), genre), element("span", { class: "track" }, fill), element("span", { class: "number" }, percent(probability)));
    }));
    bars.classList.toggle("unsure", answer?.unknown ?? false);
    const span = answer?.decided;
    if (span) say(decided, `Most like ${ranked[0]?.genre ?? "it"} from ${clock(span.start_s)} to ${clock(span.end_s)}. `);
    say(ask, examples.length > 0 ? `You said it is ${examples.join(" and ")}. It is really` : "What is it really?");
    const offered = ranked.map(({ genre }) => genre).filter((genre) => examples.length !== 1 || genre !== examples[0]);
    clicks.replaceChildren(...offered.map((genre) => element("button", { type: "button", onclick: () => is(genre) }, ...genreSign(genre, view))));
    if (examples.length > 0) clicks.append(button("no example", "", () => is(null)));
    names.replaceChildren(...view.library.genres.map(({ name }) => element("option", { value: name })));
    other.value = "";
    say(path, found.tag ? `${found.path} (its tags say ${found.tag})` : found.path);
  }

  /** What shows whether it plays: drawn at every change, for the player's are among them. */
  function drawPlayers({ id, name, answer, similar: others }: Told): void {
    const span = answer?.decided;
    seconds.hidden = !span;
    part.update(span ? playable(view, id, name, { start: span.start_s, end: span.end_s }) : null);
    drawNear((answer?.nearest ?? []).map((one, at) => ({ ...one, at })));
    nearest.hidden = near.childElementCount === 0;
    drawAlike(others.map((one, at) => ({ ...one, at })));
    similar.hidden = alike.childElementCount === 0;
  }

  part.update(null);
  return {
    root,
    update(next) {
      track = next;
      if (known) drawPlayers(known);
      // Told anew whenever the genres are others.
      const state = JSON.stringify([next, view.library.genres]);
      if (asked === state) return;
      asked = state;
      failed = false;
      told(next.id).then((found) => {
        if (asked !== state) return;
        known = found;
        draw(found);
        drawPlayers(found);
      }, (error: unknown) => {
        if (asked !== state) return;
        failed = true;
        say(says, error instanceof PlainError ? error.message : String(error));
      });
    },
    closed() {
      if (failed) asked = "";
    },
  };
}

/** The answer in a sentence. */
function sentence({ answer, examples }: Told): string {
  const best = answer?.ranked[0];
  const own = examples.length > 0 ? "Being an example itself, its answer says little. " : "";
  if (!answer || !best) return "There is no genre to compare it with yet.";
  if (answer.unknown) return `${own}Probably none of your genres: nearest is ${best.genre}, but it is farther away than examples of one genre are from one another.`;
  if (answer.ranked.length === 1) return `${own}It is like your examples of ${best.genre}.`;
  const second = answer.ranked[1];
  if (second && second.probability > 0.6 * best.probability) return `${own}Between ${best.genre} and ${second.genre}.`;
  return `${own}${best.probability >= 0.8 ? "It sounds like" : "It sounds most like"} ${best.genre}.`;
}

/** Another track, or an example that is none of the library's. */
interface Other {
  at: number;
  id: number | null;
  name: string;
  genre: string | null;
}

function otherRow(view: View): Row<Other> {
  let other: Other | null = null;
  const play = playButton("round small");
  const name = element("button", { type: "button", class: "bare opens name", onclick: () => other?.id != null && view.show(other.name, other.id) });
  const genre = element("span", { class: "of" });
  let shown = "";
  return {
    root: element("li", {}, play.root, name, genre),
    update(next) {
      other = next;
      play.update(next.id === null ? null : playable(view, next.id, next.name));
      say(name, next.name);
      name.disabled = next.id === null;
      const state = `${next.genre} ${view.number(next.genre)}`;
      if (shown === state) return;
      shown = state;
      genre.replaceChildren(...genreSign(next.genre, view));
    },
  };
}
