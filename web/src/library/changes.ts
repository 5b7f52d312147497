/** What the last correction changed, and the way back. */

import { button, count, element, iconButton, say } from "../page/elements.ts";
import { correct, undo, type Changes } from "./api.ts";
import type { View } from "./library.ts";

/** The last thing that was done, in words, with what it changed. */
let last: { text: string; changes: Changes } | null = null;

/** Makes a track an example of a genre, or of none, and keeps what that changed. */
export async function corrected(id: number, name: string, genre: string | null): Promise<void> {
  const changes = await correct(id, genre);
  last = { text: genre === null ? `${name} is no example any more.` : `${name} is an example of ${genre} now.`, changes };
}

export function changesPanel(view: View): { root: HTMLElement; update(): void } {
  const text = element("p", {});
  const more = element("p", { class: "soft" });
  const lines = element("ul", { class: "lines" });
  const details = element("details", {}, element("summary", {}, "Which tracks"), lines);
  const back = button("Take it back", "", () => void view.change(async () => {
    last = { text: "Taken back.", changes: await undo() };
  }));
  const close = iconButton("close", "Close this message", "", () => {
    closed = true;
    root.hidden = true;
  });
  const root = element("div", { class: "notice changes", role: "status" }, element("div", { class: "words" }, text, more, details), back, close);
  let drawn: typeof last = null;
  let closed = false;
  return {
    root,
    update() {
      const done = view.library.undo;
      if (drawn !== last) closed = false;
      root.hidden = closed || (!last && !done);
      back.hidden = !done;
      say(back, done && last?.text === "Taken back." ? `Take back ${done.track} too` : "Take it back");
      if (!last) {
        // Done before this page was loaded.
        if (done) say(text, done.genre === null ? `${done.track} is no example any more.` : `${done.track} is an example of ${done.genre} now.`);
        more.hidden = details.hidden = true;
        return;
      }
      if (drawn === last) return;
      drawn = last;
      const { changes } = last;
      say(text, last.text);
      more.hidden = false;
      say(more, changes.count === 0 ? "No other track has another genre by that." : `${count(changes.count, "other track has", "other tracks have")} another genre by that: ${moves(changes)}.`);
      details.hidden = changes.count === 0;
      details.open = false;
      const line = ({ id, name, from, to }: Changes["tracks"][number]) =>
        element("li", {}, element("button", { type: "button", class: "quiet", onclick: () => view.show(name, id) }, name), ` ${named(from)} → ${named(to)}`);
      lines.replaceChildren(...changes.tracks.map(line));
      const rest = changes.count - changes.tracks.length;
      if (rest > 0) lines.append(element("li", { class: "soft" }, `and ${count(rest, "more track", "more tracks")}`));
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
