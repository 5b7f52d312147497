/** Keeps the page for visits without a network. What is on the server always comes first, so that nothing is ever stale;
 * what was kept is the page of one version as a whole. The bundle is kept by the page itself, by its hashes. */

declare const PAGE_VERSION: string;
declare const PAGE_FILES: string[];

/** What this file uses of a service worker's surroundings. */
interface Lifetime extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Surroundings {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(kind: "install" | "activate", handle: (event: Lifetime) => void): void;
  addEventListener(kind: "fetch", handle: (event: Asked) => void): void;
}
const worker = globalThis as unknown as Surroundings;

const SCOPE = worker.registration.scope;
/** Caches are shared by all pages of one address: each has those that name its folder. */
const MINE = `gamaka page ${new URL(SCOPE).pathname} `;
const PAGE = MINE + PAGE_VERSION;
const DEMO = `gamaka demo ${new URL(SCOPE).pathname}`;

const files = new Set(PAGE_FILES.map((file) => new URL(file, SCOPE).href));
const demo = new URL("demo/", SCOPE).href;

worker.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(PAGE);
    // Past the browser's own cache, all or nothing.
    await cache.addAll([...files].map((url) => new Request(url, { cache: "reload" })));
    await worker.skipWaiting();
  };
  event.waitUntil(keep());
});

worker.addEventListener("activate", (event) => {
  const tidy = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(MINE) && name !== PAGE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await worker.clients.claim();
  };
  event.waitUntil(tidy());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  url.hash = url.search = "";
  const asked = url.href === SCOPE ? new URL("index.html", SCOPE).href : url.href;
  if (files.has(asked)) event.respondWith(newest(request, PAGE, asked, false));
  else if (asked.startsWith(demo) && !request.headers.has("range")) event.respondWith(newest(request, DEMO, asked, true));
});

/** The server's answer, or what was kept where there is none. */
async function newest(request: Request, name: string, url: string, keep: boolean): Promise<Response> {
  const cache = await caches.open(name);
  try {
    const answer = await fetch(request, { cache: "no-cache" });
    if (keep && answer.ok) await cache.put(url, answer.clone()).catch(() => undefined);
    if (answer.status < 500) return answer;
  } catch {
    // No connection.
  }
  return (await cache.match(url)) ?? Response.error();
}
