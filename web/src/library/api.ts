/** What `gamaka serve` tells of a personal library, and what it can be asked to change. docs/library.md has the interface. */

import { PlainError } from "../words.ts";

/** What the library holds. */
export interface Library {
  kind: "gamaka library";
  path: string;
  model: string;
  tracks: number;
  seconds: number;
  genres: { name: string; examples: number; tracks: number }[];
  /** Tracks that are like none of the genres. */
  unknown: number;
  /** Tracks that are examples. */
  examples: number;
  undo: Last;
}

/** The last correction, which can be taken back. */
export type Last = { number: number; track: string; genre: string | null } | null;

/** A track in a list. */
export interface Track {
  id: number;
  /** Of its content: the number alone may be another track's one day. */
  hash: string;
  name: string;
  album: string | null;
  seconds: number;
  /** Where it is shown: what it is an example of, else what it is taken for; null is unknown. */
  genre: string | null;
  /** That of the likeliest genre; none where there are no genres. */
  probability: number | null;
  /** The genres that it is an example of. */
  examples: string[];
}

/** A piece of a list. */
export interface List {
  total: number;
  from: number;
  tracks: Track[];
}

/** A track with the reasons. */
export interface Told extends Track {
  path: string;
  /** The genre in its tags. */
  tag: string | null;
  answer: {
    ranked: { genre: string; probability: number; distance: number }[];
    parents: { genre: string; probability: number }[];
    unknown: boolean;
    nearest: { id: number | null; name: string; genre: string; distance: number }[];
    decided: { start_s: number; end_s: number } | null;
  } | null;
  similar: (Track & { distance: number })[];
}

/** What a correction changed. */
export interface Changes {
  /** Other tracks that have another genre now. */
  count: number;
  /** The same by what they were and are; null is unknown. */
  moves: { from: string | null; to: string | null; tracks: number }[];
  /** Some of them. */
  tracks: { id: number; name: string; from: string | null; to: string | null }[];
}

/** Which tracks a list has. */
export interface Wanted {
  genre: string | null;
  unknown: boolean;
  examples: boolean;
  text: string;
  /** One alone, whatever the text. */
  id: number | null;
  order: "path" | "doubt";
  from: number;
  count: number;
}

/** Hosts that `gamaka serve` answers for: addresses, and this machine. */
const SERVED = /^(localhost|[\d.]+|\[.+\])$/;

/** The library, or none where there is none behind this page. Why it cannot be shown is thrown in plain words. */
export async function theLibrary(): Promise<Library | null> {
  if (!SERVED.test(location.hostname)) return null;
  const answer = await fetch(address("library"), { cache: "no-store" }).catch(() => null);
  const found: (Partial<Library> & { error?: unknown }) | null = await answer?.json().catch(() => null) ?? null;
  // A mere file server says no such thing, and 404 is gamaka serve without a library.
  if (answer && !answer.ok && answer.status !== 404 && typeof found?.error === "string") throw new PlainError(sentence(found.error));
  return found?.kind === "gamaka library" ? (found as Library) : null;
}

/** The same where it was there before. */
export function library(): Promise<Library> {
  return ask("library");
}

export function list(wanted: Wanted): Promise<List> {
  const query = new URLSearchParams({ order: wanted.order, from: String(wanted.from), count: String(wanted.count) });
  if (wanted.genre !== null) query.set("genre", wanted.genre);
  if (wanted.unknown) query.set("unknown", "");
  if (wanted.examples) query.set("examples", "");
  if (wanted.id !== null) query.set("id", String(wanted.id));
  else if (wanted.text) query.set("text", wanted.text);
  return ask(`tracks?${query}`);
}

export function told(id: number): Promise<Told> {
  return ask(`tracks/${id}`);
}

/** What was done, and what can be taken back since. */
export interface Done {
  changes: Changes;
  undo: Last;
}

/** Makes a track an example of a genre and of no other; of none with null. */
export function correct({ id, hash }: Track, genre: string | null): Promise<Done> {
  return ask("correct", { track: id, hash, genre });
}

/** Takes the correction of this number back, if it is still the last. */
export function undo(number: number): Promise<Done> {
  return ask("undo", { number });
}

/** Where a track's sound is, once it is known to be there: a player cannot tell why it is not. */
export async function sound(id: number): Promise<string> {
  const url = address(`tracks/${id}/audio`);
  const answer = await fetch(url, { headers: { Range: "bytes=0-0" } }).catch(() => null);
  await check(answer);
  return url;
}

function address(path: string): string {
  return new URL(`api/${path}`, document.baseURI).href;
}

async function ask<T>(path: string, body?: object): Promise<T> {
  const sent = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await check(await fetch(address(path), { cache: "no-store", ...sent }).catch(() => null));
  return (await answer.json()) as T;
}

/** An answer that is one. */
async function check(answer: Response | null): Promise<Response> {
  if (!answer) throw new PlainError("Your library does not answer: is gamaka serve still running?");
  if (answer.ok) return answer;
  const reason = await answer.json().then((found) => String(found.error)).catch(() => `it answers with ${answer.status}`);
  throw new PlainError(sentence(reason));
}

function sentence(reason: string): string {
  return reason.charAt(0).toUpperCase() + reason.slice(1);
}
