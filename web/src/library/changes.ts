/** What the last correction changed, and the way back. */

import { button, count, element, iconButton, say } from "../page/elements.ts";
import { correct, undo, type Changes, type Done, type Last, type Track } from "./api.ts";
import type { View } from "./library.ts";

/** The last thing that was done here: in words, what it changed, and what could be taken back then. */
let last: { text: string; done: Done; back: string } | null = null;

/** Makes a track an example of a genre, or of none, and keeps what that changed. */
export async function corrected(view: View, track: Track, genre: string | null): Promise<void> {
  const done = await correct(track, genre);
  // What was so already is not to be taken back: the last correction is an older one.
  const own = done.undo?.track === track.name && done.undo.genre === genre;
  keep(view, said(track.name, genre), done, own ? "Take it back" : `Take back ${done.undo?.track}`);
}

async function takeBack(view: View): Promise<void> {
  if (!view.library.undo) return;
  const done = await undo(view.library.undo.number);
  keep(view, "Taken back.", done, done.undo ? `Take back ${done.undo.track} too` : "");
}

function keep(view: View, text: string, done: Done, back: string): void {
  last = { text, done, back };
  view.library = { ...view.library, undo: done.undo };
}

function said(track: string, genre: string | null): string {
  return genre === null ? `${track} is no example any more.` : `${track} is an example of ${genre} now.`;
}

export function changesPanel(view: View): { root: HTMLElement; update(): void } {
  const text = element("p", {});
  const more = element("p", { class: "soft" });
  const lines = element("ul", { class: "lines" });
  const details = element("details", {}, element("summary", {}, "Which tracks"), lines);
  const back = button("Take it back", "", () => void view.change(() => takeBack(view)));
  const close = iconButton("close", "Close this message", "", () => {
    closed = true;
    root.hidden = true;
  });
  const root = element("div", { class: "notice changes", role: "status" }, element("div", { class: "words" }, text, more, details), back, close);
  let drawn: typeof last | number = null;
  let closed = false;

  /** What was done here, with all that it changed. */
  function draw({ text: words, done: { changes } }: NonNullable<typeof last>): void {
    say(text, words);
    say(more, changes.count === 0 ? "No other track has another genre by that." : `${count(changes.count, "other track has", "other tracks have")} another genre by that: ${moves(changes)}.`);
    details.open = false;
    const line = ({ id, name, from, to }: Changes["tracks"][number]) =>
      element("li", {}, element("button", { type: "button", class: "quiet", onclick: () => view.show(name, id) }, name), ` ${named(from)} → ${named(to)}`);
    lines.replaceChildren(...changes.tracks.map(line));
    const rest = changes.count - changes.tracks.length;
    if (rest > 0) lines.append(element("li", { class: "soft" }, `and ${count(rest, "more track", "more tracks")}`));
  }

  return {
    root,
    update() {
      const done: Last = view.library.undo;
      // What was done elsewhere since, or before this page was loaded, is told instead: it is what would be taken back.
      const own = last && last.done.undo?.number === done?.number ? last : null;
      const shown = own ?? done?.number ?? null;
      if (drawn !== shown) {
        drawn = shown;
        closed = false;
        more.hidden = !own;
        details.hidden = !own || own.done.changes.count === 0;
        if (own) draw(own);
        else if (done) say(text, said(done.track, done.genre));
      }
      root.hidden = closed || shown === null;
      back.hidden = !done;
      say(back, own?.back ?? "Take it back");
    },
  };
}

/** Ways that are told of. */
const WAYS = 6;

function moves({ moves }: Changes): string {
  const told = moves.slice(0, WAYS).map(({ from, to, tracks }) => `${tracks.toLocaleString("en")} from ${named(from)} to ${named(to)}`);
  if (moves.length > WAYS) told.push("and more");
  return told.join(", ");
}

function named(genre: string | null): string {
  return genre ?? "unknown";
}
