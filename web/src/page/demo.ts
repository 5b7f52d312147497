/** Songs that come with the page, for whoever has none at hand. */

import { addExamples, ask } from "./collection.ts";
import { button, count, element } from "./elements.ts";
import { notify, state } from "./state.ts";

/** Milliseconds in which a clip is given, far more than it takes. */
const PATIENCE = 30_000;

interface Demo {
  licence: string;
  genres: { name: string; files: string[] }[];
  songs: string[];
}

/** Builds the offer, if there are such songs here; returns what draws it. */
export async function buildDemo(root: HTMLElement): Promise<() => void> {
  const base = new URL("demo/", document.baseURI);
  const demo = await readDemo(base);
  if (!demo) return () => undefined;
  const clips = demo.songs.length + demo.genres.reduce((sum, genre) => sum + genre.files.length, 0);
  const start = button("Try it with songs of ours", "", () => {
    start.disabled = true;
    void play(demo, base).finally(() => (start.disabled = false));
  }, "note");
  const offer = element("p", { class: "offer" }, start, element("span", { class: "soft small" }, `${count(clips, "short clip")} in ${count(demo.genres.length, "genre")}${demo.licence && `, ${demo.licence}`}.`));
  root.append(offer);
  return () => {
    offer.hidden = state.genres.length > 0 || state.songs.length > 0;
  };
}

async function readDemo(base: URL): Promise<Demo | null> {
  try {
    const answer = await fetch(new URL("demo.json", base));
    if (!answer.ok) return null;
    const demo = (await answer.json()) as Demo;
    const texts = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === "string");
    const whole = texts(demo.songs) && Array.isArray(demo.genres) && demo.genres.every((genre) => typeof genre.name === "string" && texts(genre.files));
    return whole ? { ...demo, licence: typeof demo.licence === "string" ? demo.licence : "" } : null;
  } catch {
    return null;
  }
}

async function play(demo: Demo, base: URL): Promise<void> {
  const get = async (path: string) => {
    const answer = await fetch(new URL(path, base), { signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error();
    const name = path.split("/").pop() ?? path;
    return new File([await answer.blob()], name);
  };
  try {
    for (const { name, files } of demo.genres) {
      const found = await Promise.all(files.map(get));
      await addExamples(found.map((file) => ({ file, folders: [name] })), null);
    }
    ask(await Promise.all(demo.songs.map(get)));
  } catch {
    notify("demo", "The songs that come with the page could not be loaded: is there a connection?", "warn");
  }
}
