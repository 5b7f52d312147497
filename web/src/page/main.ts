/** The page: builds its parts, opens what computes, and draws again whenever something changes. */

import { mountLibrary } from "../library/library.ts";
import { PlainError } from "../words.ts";
import { buildAbout } from "./about.ts";
import { couldNotOpen, withoutWebGpu } from "./closed.ts";
import { judge, restore } from "./collection.ts";
import { buildDemo } from "./demo.ts";
import { buildDock } from "./dock.ts";
import { onEngine, theEngine } from "./engine.ts";
import { buildGenres } from "./genres_view.ts";
import { buildLearning } from "./learning.ts";
import { buildMap } from "./map_view.ts";
import { buildNotices } from "./notices.ts";
import { buildSongs } from "./songs_view.ts";
import { changed, onChange, state } from "./state.ts";
import { watchDragging } from "./zones.ts";

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no part ${id}`);
  return found;
}

async function start(): Promise<void> {
  const notices = part("notices");
  const area = part("work-area");
  const draw = [
    buildNotices(notices),
    buildGenres(part("genres")),
    buildSongs(part("songs")),
    buildMap(part("map"), part("nav-map")),
    buildDock(part("dock")),
    () => {
      area.hidden = state.phase !== "ready";
      document.body.classList.toggle("unable", state.phase === "closed");
      document.body.classList.toggle("begun", state.genres.length > 0 || state.songs.length > 0);
    },
  ];
  onChange(() => draw.forEach((one) => one()));
  const tellAbout = buildAbout(part("about"));
  const learning = buildLearning(part("learn"), part("nav-learn"));
  onEngine((engine) => {
    tellAbout(engine);
    learning.use(engine);
    if (state.phase === "ready") void judge();
  });
  watchDragging();
  void library();
  try {
    await theEngine();
  } catch (error) {
    state.phase = "closed";
    state.work = null;
    if (!(error instanceof PlainError)) console.error(error);
    const reason = error instanceof PlainError ? error.message : `A fault of this page: ${String(error)}`;
    notices.after(navigator.gpu ? couldNotOpen(reason) : withoutWebGpu());
    changed();
    return;
  }
  state.phase = "ready";
  draw.push(learning.draw);
  void demo(draw);
  await restore();
}

/** The offer of songs, which nothing else waits for. */
async function demo(draw: (() => void)[]): Promise<void> {
  draw.push(await buildDemo(part("title").parentElement!));
  changed();
}

/** The personal library, where `gamaka serve` has one behind the page. */
async function library(): Promise<void> {
  const root = part("library");
  const there = await mountLibrary(root).catch(() => false);
  root.hidden = part("nav-library").hidden = !there;
}

/** Keeps the page for visits without a network. */
async function install(): Promise<void> {
  await navigator.serviceWorker?.register("worker.js").catch(() => undefined);
}

void start();
void install();
