/** All that the page knows, as plain data; whoever changes it says so, and what is shown is drawn again. */

import type { Answer } from "../genres/answer.ts";
import type { Heard } from "../listen.ts";

export interface Genre {
  id: string;
  name: string;
  /** Which colour and shape it has. */
  number: number;
}

/** A song that stands for a genre. */
export interface Example {
  id: string;
  /** The id of its genre. */
  genre: string;
  /** The hash of the model that heard it. */
  model: string;
  name: string;
  /** BLAKE3 of the file. */
  hash: string;
  seconds: number;
  embedding: Float32Array;
  /** What was heard, coarse enough to draw; none where it came in a file of genres. */
  levels: Heard["levels"] | null;
  /** A few clips, which the panel that shows learning takes. */
  clips: Float32Array[];
  /** Whether the browser keeps its sound. */
  sound: boolean;
}

/** A song that was asked about. */
export interface Song {
  id: string;
  name: string;
  hash: string;
  sound: Blob;
  heard: Heard;
  /** Whether only its beginning was heard. */
  cut: boolean;
  /** None as long as there are no genres. */
  answer: Answer | null;
}

export interface Problem {
  id: string;
  name: string;
  reason: string;
}

export interface Work {
  /** What is done now. */
  text: string;
  /** How much of all is done, from 0 to 1; none where it cannot be told. */
  done: number | null;
  cancel: (() => void) | null;
}

export interface Notice {
  id: string;
  text: string;
  /** `warn` for what went wrong. */
  kind: "tell" | "warn";
  action: { text: string; run: () => void } | null;
}

export interface State {
  /** `closed`: this browser cannot compute, or the program could not be loaded. */
  phase: "opening" | "ready" | "closed";
  genres: Genre[];
  examples: Example[];
  songs: Song[];
  /** The song whose answer is open. */
  open: string | null;
  work: Work | null;
  problems: Problem[];
  notices: Notice[];
  /** What was removed last and can be brought back. */
  undo: { text: string; run: () => void } | null;
  /** The hash of the model that is loaded. */
  model: string;
  /** The centre of each of its bands. */
  bandHz: readonly number[];
  /** Bytes that this page keeps in the browser. */
  kept: number | null;
  /** Whether something of it could not be kept. */
  unkept: boolean;
}

export const state: State = {
  phase: "opening",
  genres: [],
  examples: [],
  songs: [],
  open: null,
  work: null,
  problems: [],
  notices: [],
  undo: null,
  model: "",
  bandHz: [],
  kept: null,
  unkept: false,
};

const watching: (() => void)[] = [];
let waiting = false;

/** Calls `render` after every change. */
export function onChange(render: () => void): void {
  watching.push(render);
}

/** Has the page drawn again, once for all the changes of a moment. */
export function changed(): void {
  if (waiting) return;
  waiting = true;
  queueMicrotask(() => {
    waiting = false;
    for (const render of watching) render();
  });
}

let numbers = 0;

/** A name that no other thing has, in this tab or another. */
export function freshId(): string {
  numbers += 1;
  return `${Date.now().toString(36)}-${numbers}-${Math.random().toString(36).slice(2, 8)}`;
}

/** Shows a notice; one with the same id gives way to it. */
export function notify(id: string, text: string, kind: Notice["kind"] = "tell", action: Notice["action"] = null): void {
  state.notices = [...state.notices.filter((notice) => notice.id !== id), { id, text, kind, action }];
  changed();
}

export function dismiss(id: string): void {
  state.notices = state.notices.filter((notice) => notice.id !== id);
  changed();
}

/** One file that could not be used costs one line. */
export function problem(name: string, reason: string): void {
  state.problems = [...state.problems, { id: freshId(), name, reason }];
  changed();
}

let silence: ReturnType<typeof setTimeout> | undefined;

/** Tells a screen reader. */
export function announce(text: string): void {
  const said = document.getElementById("said");
  if (!said) return;
  clearTimeout(silence);
  said.textContent = text;
  // What was said is not found again by whoever reads on.
  silence = setTimeout(() => (said.textContent = ""), 5000);
}

export function genreOf(id: string): Genre | undefined {
  return state.genres.find((genre) => genre.id === id);
}

export function genreNamed(name: string): Genre | undefined {
  return state.genres.find((genre) => genre.name === name);
}

export function examplesOf(genre: string): Example[] {
  return state.examples.filter((example) => example.genre === genre);
}

/** Whether an example can be compared with what the loaded model hears. */
export function current(example: Example): boolean {
  return example.model === state.model;
}

/** The lowest number that no genre has. */
export function freshNumber(): number {
  const taken = new Set(state.genres.map((genre) => genre.number));
  let number = 0;
  while (taken.has(number)) number += 1;
  return number;
}
