/** What stays in sight at the bottom: what is being done, what can be undone, and the player. */

import { button, clock, element, iconButton, say, set } from "./elements.ts";
import { playButton, playing, seek, stop } from "./player.ts";
import { changed, state } from "./state.ts";

/** Builds the dock and returns what draws it. */
export function buildDock(root: HTMLElement): () => void {
  const draw = [buildWork(root), buildUndo(root), buildPlayer(root)];
  return () => draw.forEach((one) => one());
}

function buildWork(root: HTMLElement): () => void {
  const text = element("span", { class: "words", id: "work-text" });
  const bar = element("progress", { max: 1, "aria-labelledby": "work-text" });
  const cancel = button("Cancel", "quiet", () => state.work?.cancel?.());
  const row = element("div", { class: "dock-row work", hidden: true }, text, bar, cancel);
  root.append(row);
  return () => {
    const { work } = state;
    row.hidden = work === null;
    if (!work) return;
    say(text, work.text);
    if (work.done === null) bar.removeAttribute("value");
    else bar.value = work.done;
    cancel.hidden = work.cancel === null;
  };
}

function buildUndo(root: HTMLElement): () => void {
  const text = element("span", { class: "words" });
  const undo = button("Undo", "quiet", () => state.undo?.run());
  const close = iconButton("close", "Close", "", () => {
    state.undo = null;
    changed();
  });
  const row = element("div", { class: "dock-row", hidden: true, id: "undo" }, text, undo, close);
  root.append(row);
  return () => {
    row.hidden = state.undo === null;
    say(text, state.undo?.text ?? "");
  };
}

function buildPlayer(root: HTMLElement): () => void {
  const play = playButton("round");
  const text = element("span", { class: "words" });
  const time = element("span", { class: "time" });
  const slider = element("input", { type: "range", min: 0, step: 0.1, "aria-label": "Where in the song", oninput: () => seek(Number(slider.value)) });
  const row = element("div", { class: "dock-row player", hidden: true }, play.root, text, slider, time, iconButton("close", "Close the player", "", stop));
  root.append(row);
  return () => {
    const now = playing();
    row.hidden = now === null;
    if (!now) return;
    play.update(now.what);
    say(text, now.what.title);
    say(time, `${clock(now.at)} / ${clock(now.length)}`);
    set(slider, "max", now.length);
    set(slider, "aria-valuetext", `${clock(now.at)} of ${clock(now.length)}`);
    slider.value = String(now.at);
    slider.style.setProperty("--at", `${now.length > 0 ? (100 * now.at) / now.length : 0}%`);
  };
}
