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
  /** What can be taken back. */
  undo: { track: string; genre: string | null } | null;
}

/** A track in a list. */
export interface Track {
  id: number;
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
  order: "path" | "doubt";
  from: number;
  count: number;
}

/** Hosts that `gamaka serve` answers for: addresses, and this machine. */
const SERVED = /^(localhost|[\d.]+|\[.+\])$/;

/** The library, or none where this page comes from a mere file server. */
export async function theLibrary(): Promise<Library | null> {
  if (!SERVED.test(location.hostname)) return null;
  const found = await ask<Partial<Library>>("library").catch(() => null);
  return found?.kind === "gamaka library" ? (found as Library) : null;
}

export function list(wanted: Wanted): Promise<List> {
  const query = new URLSearchParams({ order: wanted.order, from: String(wanted.from), count: String(wanted.count) });
  if (wanted.genre !== null) query.set("genre", wanted.genre);
  if (wanted.unknown) query.set("unknown", "");
  if (wanted.examples) query.set("examples", "");
  if (wanted.text) query.set("text", wanted.text);
  return ask(`tracks?${query}`);
}

export function told(id: number): Promise<Told> {
  return ask(`tracks/${id}`);
}

/** Makes a track an example of a genre and of no other; of none with null. */
export async function correct(track: number, genre: string | null): Promise<Changes> {
  return (await ask<{ changes: Changes }>("correct", { track, genre })).changes;
}

/** Takes the last correction back. */
export async function undo(): Promise<Changes> {
  return (await ask<{ changes: Changes }>("undo", {})).changes;
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
  throw new PlainError(reason.charAt(0).toUpperCase() + reason.slice(1));
}
