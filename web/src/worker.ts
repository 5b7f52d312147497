/** Keeps the page for visits without a network. What is on the server always comes first, so that nothing is ever stale;
 * what was kept is the page of one version as a whole. The bundle is kept by the page itself, by its hashes.
 *
 * A visit never mixes the copy with another version on the server. As long as all that the server gave to it is what is
 * kept, the visit may be either. It becomes one of the copy with the first file that the server does not give, or not in
 * time: from then on it gets all files from the copy. It becomes one of the server with the first file that differs from
 * what is kept: from then on it gets whatever the server answers, however late. */

declare const PAGE_VERSION: string;
declare const PAGE_FILES: string[];

/** What this file uses of a service worker's surroundings. */
interface Lifetime extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Event {
  readonly request: Request;
  /** Of the page that asks. */
  readonly clientId: string;
  /** Of the page that a navigation leads to. */
  readonly resultingClientId: string;
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
/** Milliseconds in which the server gives a file whole, where there is a copy. */
const PATIENCE = 4000;

/** What has been decided of visits, by the ids of their pages. It may be forgotten once a page is loaded. */
const visits = new Map<string, "copy" | "server">();

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
  const visit = event.resultingClientId || event.clientId;
  if (request.mode === "navigate") visits.delete(visit);
  if (files.has(asked)) event.respondWith(pageFile(request, visit, asked));
  else if (asked.startsWith(demo) && !request.headers.has("range")) event.respondWith(demoFile(request, visit, asked));
});

/** A file of the page, of what its visit is made of. */
async function pageFile(request: Request, visit: string, url: string): Promise<Response> {
  const copy = await (await caches.open(PAGE)).match(url);
  if (copy && !visits.has(visit)) {
    const answer = await inTime(request);
    const differs = answer !== null && !(await isSame(answer, copy));
    // Another file may have decided meanwhile.
    if (!visits.has(visit) && (differs || !answer)) visits.set(visit, differs ? "server" : "copy");
    if (answer && visits.get(visit) !== "copy") return answer;
  }
  // Made anew, since a browser refuses one that came by a redirect.
  return copy && visits.get(visit) === "copy" ? new Response(copy.body, copy) : fetch(request, { cache: "no-cache" });
}

/** A file of the demo, each of which stands for itself: the server's, which is then kept, or what was kept. */
async function demoFile(request: Request, visit: string, url: string): Promise<Response> {
  const cache = await caches.open(DEMO);
  const copy = await cache.match(url);
  if (copy && visits.get(visit) === "copy") return copy;
  const answer = copy ? ((await inTime(request)) ?? copy) : await fetch(request, { cache: "no-cache" });
  if (answer !== copy && isOurs(answer)) await cache.put(url, answer.clone()).catch(() => undefined);
  return answer;
}

/** The server's answer, once all of it is here; null where there is none in time that is of any use. */
async function inTime(request: Request): Promise<Response | null> {
  try {
    const answer = await fetch(request, { cache: "no-cache", redirect: "follow", signal: AbortSignal.timeout(PATIENCE) });
    return isOurs(answer) ? new Response(await answer.arrayBuffer(), answer) : null;
  } catch {
    // No connection, or none that gives anything.
    return null;
  }
}

/** Whether it is a file of this site. Some networks send requests on to another one, where one has to log in. */
function isOurs(answer: Response): boolean {
  return answer.ok && answer.type !== "cors";
}

async function isSame(answer: Response, copy: Response): Promise<boolean> {
  const [a, b] = await Promise.all([answer, copy].map(async (one) => new Uint8Array(await one.clone().arrayBuffer())));
  return a!.length === b!.length && a!.every((value, at) => value === b![at]);
}
