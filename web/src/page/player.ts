/** One player for the whole page: songs, their deciding seconds, and examples. */

import { element, icon, set, type Row } from "./elements.ts";
import { PlainError } from "../words.ts";
import { changed, problem } from "./state.ts";

/** What can be played. */
export interface Playable {
  /** The same for all that plays the same part of the same sound. */
  id: string;
  title: string;
  /** The sound itself, or where it is; none if it is not kept. What it throws in plain words is told. */
  sound: () => Promise<Blob | string | null>;
  /** Seconds to play; the whole sound if none are given. */
  part: { start: number; end: number } | null;
  /** Tells why it cannot be played; without it the list of problems does. */
  failed?: (reason: string) => void;
}

const audio = new Audio();
audio.preload = "auto";
let now: Playable | null = null;
let url = "";
/** Which wish to play is the newest: reading a sound takes a moment. */
let wishes = 0;

for (const event of ["play", "pause", "timeupdate", "durationchange", "ended"]) {
  audio.addEventListener(event, () => {
    if (now?.part && audio.currentTime >= now.part.end) audio.pause();
    changed();
  });
}
audio.addEventListener("error", () => {
  if (now) tell(now, "It cannot be played by this browser, though it could be heard.");
  stop();
});

function tell(what: Playable, reason: string): void {
  if (what.failed) what.failed(reason);
  else problem(what.title, reason);
}

/** What plays or is paused, and where. */
export function playing(): { what: Playable; at: number; length: number } | null {
  if (!now) return null;
  const { start, end } = now.part ?? { start: 0, end: audio.duration };
  const length = Number.isFinite(end) ? end - start : 0;
  return { what: now, at: Math.min(Math.max(audio.currentTime - start, 0), length), length };
}

/** Plays, or pauses what plays already. */
export async function toggle(what: Playable): Promise<void> {
  if (now?.id === what.id) {
    if (!audio.paused) return audio.pause();
    const end = what.part?.end ?? Infinity;
    if (audio.currentTime >= end - 0.05) audio.currentTime = what.part?.start ?? 0;
    return begin();
  }
  const wish = ++wishes;
  let reason = "It cannot be played: its sound is not kept.";
  const sound = await what.sound().catch((error: unknown) => {
    if (error instanceof PlainError) reason = error.message;
    return null;
  });
  if (wish !== wishes) return;
  stop();
  if (!sound) return tell(what, reason);
  now = what;
  if (typeof sound !== "string") url = URL.createObjectURL(sound);
  audio.src = typeof sound === "string" ? sound : url;
  audio.currentTime = what.part?.start ?? 0;
  await begin();
}

async function begin(): Promise<void> {
  // Another sound that is begun meanwhile ends this one's beginning, which is no fault.
  await audio.play().catch(() => undefined);
  changed();
}

/** Moves to a second of what plays. */
export function seek(at: number): void {
  audio.currentTime = (now?.part?.start ?? 0) + at;
  changed();
}

export function stop(): void {
  wishes += 1;
  audio.pause();
  now = null;
  if (url) URL.revokeObjectURL(url);
  url = "";
  audio.removeAttribute("src");
  changed();
}

/** Plays a sound from a second on. */
export async function playFrom(what: Playable, second: number): Promise<void> {
  if (now?.id !== what.id) await toggle(what);
  else if (audio.paused) await begin();
  if (now?.id === what.id) seek(second);
}

/** A round button that plays and pauses. `words` stand beside the sign, or else only a screen reader has them. */
export function playButton(kind: string, words: string | null = null): Row<Playable | null> {
  let what: Playable | null = null;
  const play = icon("play");
  const pause = icon("pause");
  const root = element("button", { type: "button", class: `play ${kind}`, onclick: () => what && void toggle(what) }, play, pause, words);
  return {
    root,
    update(next) {
      what = next;
      const plays = next !== null && now?.id === next.id && !audio.paused;
      set(play, "hidden", plays);
      set(pause, "hidden", !plays);
      root.disabled = next === null;
      const label = next === null ? "Its sound is not kept" : `${plays ? "Pause" : "Play"} ${next.title}`;
      if (words === null || plays) set(root, "aria-label", label);
      else set(root, "aria-label", `${words}: ${next?.title ?? ""}`);
      if (words === null) set(root, "title", label);
    },
  };
}
