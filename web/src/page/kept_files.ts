/** The files of a bundle, kept in the browser by their hash: a new bundle is never mixed with an old one, and what both
 * have in common is not loaded again. Nothing is kept, or taken from what was kept, that has another hash; whoever opens
 * the bundle checks all of it once more. */

import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { download, type Files } from "../runtime/bundle.ts";

const HEAD = "bundle.json";
/** Milliseconds in which the server gives the head where one is kept, as in `worker.ts`. */
const PATIENCE = 4000;

/** What of the head is looked at before it was checked. */
interface Head {
  files?: Record<string, { hash?: unknown } | undefined>;
}

export interface KeptFiles extends Files {
  /** Called when the bundle was opened and all of it is sound: this is what an offline visit finds. */
  settle(): Promise<void>;
}

/** Files below `base`, a folder's URL. */
export function keptFiles(base: URL): KeptFiles {
  const place = `gamaka bundle ${base.pathname}`;
  let head: Uint8Array<ArrayBuffer> | null = null;
  let hashes = new Map<string, string>();
  const used = new Set<string>();

  // A name within the folder that no server is ever asked for.
  const address = (hash: string) => new URL(`kept-${hash}`, base).href;

  /** A kept file; what has another hash is thrown away. */
  async function fromShelf(hash: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const cache = await shelf(place);
    const found = await cache?.match(address(hash));
    if (!found) return null;
    const bytes = new Uint8Array(await found.arrayBuffer());
    if (isSound(bytes, hash)) return bytes;
    await cache?.delete(address(hash));
    return null;
  }

  async function readHead(most: number): Promise<Uint8Array<ArrayBuffer>> {
    const kept = await (await shelf(place))?.match(new URL(HEAD, base).href);
    try {
      // What another site gives, to which a network sends requests on, is none of ours.
      head = await download(base, HEAD, most, kept ? { mode: "same-origin", signal: AbortSignal.timeout(PATIENCE) } : {});
    } catch (error) {
      if (!kept) throw error;
      head = new Uint8Array(await kept.arrayBuffer());
    }
    hashes = listed(head);
    return head;
  }

  return {
    async read(path, most) {
      if (path === HEAD) return readHead(most);
      const hash = hashes.get(path);
      if (!hash) return download(base, path, most);
      used.add(address(hash));
      const there = await fromShelf(hash);
      if (there) return there;
      let bytes = await download(base, path, most);
      // Whatever stands between the server and the page may have had another one.
      if (!isSound(bytes, hash)) bytes = await download(base, path, most, { cache: "reload" });
      // Without room it is loaded again the next time.
      if (isSound(bytes, hash)) await (await shelf(place))?.put(address(hash), new Response(bytes)).catch(() => undefined);
      return bytes;
    },
    async settle() {
      const cache = await shelf(place);
      if (!cache || !head) return;
      const there = new URL(HEAD, base).href;
      await cache.put(there, new Response(head)).catch(() => undefined);
      for (const request of await cache.keys()) {
        if (request.url !== there && !used.has(request.url)) await cache.delete(request);
      }
    },
  };
}

function isSound(bytes: Uint8Array, hash: string): boolean {
  return bytesToHex(blake3(bytes)) === hash;
}

/** None where the browser keeps nothing, as in some private windows. */
async function shelf(place: string): Promise<Cache | null> {
  return "caches" in globalThis ? caches.open(place).catch(() => null) : null;
}

function listed(head: Uint8Array): Map<string, string> {
  try {
    const { files } = JSON.parse(new TextDecoder().decode(head)) as Head;
    const hashes = Object.entries(files ?? {}).map(([path, file]) => [path, file?.hash] as const);
    return new Map(hashes.filter((entry): entry is [string, string] => typeof entry[1] === "string" && /^[0-9a-f]{64}$/.test(entry[1])));
  } catch {
    return new Map();
  }
}
