/** What the browser keeps from visit to visit: genres, examples, and their sounds as far as there is room. */

import { PlainError } from "../words.ts";
import type { Example, Genre } from "./state.ts";

/** Several copies of the page may be served from one address, each with what is its own. */
const PLACE = new URL(".", location.href).pathname;
const NAME = `gamaka ${PLACE}`;
const VERSION = 1;
/** How much of the room that the browser offers is taken for sounds; the rest is for what counts more. */
const SHARE = 0.8;

const GENRES = "genres";
const EXAMPLES = "examples";
/** Sounds by the id of their example: they are large, and read only when they are played. */
const SOUNDS = "sounds";

export interface Kept {
  genres: Genre[];
  examples: Example[];
}

let opened: Promise<IDBDatabase> | null = null;
const others = new BroadcastChannel(NAME);

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((done, failed) => {
    const asked = indexedDB.open(NAME, VERSION);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore(GENRES, { keyPath: "id" });
      asked.result.createObjectStore(EXAMPLES, { keyPath: "id" });
      asked.result.createObjectStore(SOUNDS);
    };
    asked.onsuccess = () => {
      const database = asked.result;
      const forget = () => {
        database.close();
        opened = null;
      };
      // A newer page in another tab is never held up by this one, and what the browser closes is opened again.
      database.onversionchange = forget;
      database.onclose = forget;
      done(database);
    };
    asked.onerror = () => {
      opened = null;
      failed(asked.error);
    };
  });
  return opened;
}

/** Runs `work` in one transaction, which is kept whole or not at all. */
async function within<T>(mode: IDBTransactionMode, stores: string[], work: (store: (name: string) => IDBObjectStore) => IDBRequest<T> | void): Promise<T | undefined> {
  const database = await open();
  return new Promise((done, failed) => {
    // "relaxed" leaves the moment of writing to the system.
    const transaction = database.transaction(stores, mode, { durability: "relaxed" });
    const asked = work((name) => transaction.objectStore(name));
    transaction.oncomplete = () => done(asked ? asked.result : undefined);
    transaction.onabort = () => failed(transaction.error ?? new DOMException("", "QuotaExceededError"));
  });
}

/** Everything but the sounds, as it is at one moment. */
export async function load(): Promise<Kept> {
  let genres: IDBRequest<Genre[]> | undefined;
  const examples = await within<Example[]>("readonly", [GENRES, EXAMPLES], (store) => {
    genres = store(GENRES).getAll();
    return store(EXAMPLES).getAll();
  });
  return { genres: genres?.result ?? [], examples: examples ?? [] };
}

export async function keepGenre(genre: Genre): Promise<void> {
  await within("readwrite", [GENRES], (store) => void store(GENRES).put(genre));
  tell();
}

/** Keeps examples without touching their sounds: all of them, or none. */
export async function keepRecords(examples: readonly Example[]): Promise<void> {
  await within("readwrite", [EXAMPLES], (store) => {
    for (const example of examples) store(EXAMPLES).put(example);
  });
  tell();
}

/** Keeps an example, and its sound if there is room. Returns false where there is none. */
export async function keepExample(example: Example, sound: Blob | null): Promise<boolean> {
  await within("readwrite", [EXAMPLES], (store) => void store(EXAMPLES).put({ ...example, sound: false }));
  const fits = sound !== null && (await hasRoom(sound.size));
  const kept = fits && (await within("readwrite", [EXAMPLES, SOUNDS], (store) => {
    const there = store(EXAMPLES).getKey(example.id);
    there.onsuccess = () => {
      // It may have been forgotten meanwhile.
      if (there.result === undefined) return;
      store(SOUNDS).put(sound, example.id);
      store(EXAMPLES).put({ ...example, sound: true });
    };
  }).then(() => true, (error: unknown) => {
    if (isFull(error)) return false;
    throw error;
  }));
  tell();
  return kept;
}

/** The sound of an example. */
export async function soundOf(id: string): Promise<Blob | null> {
  const sound = await within<unknown>("readonly", [SOUNDS], (store) => store(SOUNDS).get(id));
  return sound instanceof Blob ? sound : null;
}

/** Forgets genres and examples, with their sounds. */
export async function forget(genres: readonly string[], examples: readonly string[]): Promise<void> {
  await within("readwrite", [GENRES, EXAMPLES, SOUNDS], (store) => {
    for (const id of genres) store(GENRES).delete(id);
    for (const id of examples) {
      store(EXAMPLES).delete(id);
      store(SOUNDS).delete(id);
    }
  });
  tell();
}

/** Forgets the examples whose genre is not kept. */
export async function forgetHomeless(): Promise<void> {
  await within("readwrite", [GENRES, EXAMPLES, SOUNDS], (store) => {
    const genres = store(GENRES).getAllKeys();
    const examples = store(EXAMPLES).getAll();
    examples.onsuccess = () => {
      for (const { id, genre } of examples.result as Example[]) {
        if (genres.result.includes(genre)) continue;
        store(EXAMPLES).delete(id);
        store(SOUNDS).delete(id);
      }
    };
  });
}

async function hasRoom(bytes: number): Promise<boolean> {
  const { usage = 0, quota = Infinity } = (await navigator.storage?.estimate?.()) ?? {};
  return usage + bytes < SHARE * quota;
}

/** Bytes that the browser keeps for this page, if it tells. */
export async function bytesKept(): Promise<number | null> {
  return (await navigator.storage?.estimate?.())?.usage ?? null;
}

/** Asks the browser not to throw away what is kept when it needs room. */
export async function askToStay(): Promise<void> {
  if (!(await navigator.storage?.persisted?.())) await navigator.storage?.persist?.();
}

export function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

/** Why nothing can be kept, in words. */
export function whyNot(error: unknown): PlainError {
  if (isFull(error)) return new PlainError("the browser has no room left for this page");
  return new PlainError("this browser keeps nothing for this page (a private window, or its settings)");
}

function tell(): void {
  others.postMessage("changed");
}

/** Calls `reread` whenever another tab has changed what is kept. */
export function onOtherTab(reread: () => void): void {
  others.onmessage = reread;
}
