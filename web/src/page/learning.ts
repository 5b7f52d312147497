/** Where the panel stands that shows a network learn from the examples. */

import { PlainError } from "../words.ts";
import { element } from "./elements.ts";
import type { Engine } from "./engine.ts";
import { mountLearn, type LearnGenre } from "./learn.ts";
import { current, examplesOf, state } from "./state.ts";

/** Genres from which on there is something to learn. */
const FEWEST = 2;

/** Builds the panel's place. `use` hands it a device, `draw` shows it where there is something to learn. */
export function buildLearning(root: HTMLElement, link: HTMLElement): { use: (engine: Engine) => void; draw: () => void } {
  const place = element("div", {});
  root.append(
    element("h2", { id: "learn-title" }, "See it learn"),
    element("p", { class: "soft" }, "A small network learns your genres from nothing, here and now. What you see are its mistakes getting fewer, and the curves that it is made of taking shape."),
    place,
  );
  let engine: Engine | null = null;
  let panel: { close(): void } | null = null;
  return {
    use(next) {
      engine = next;
      panel?.close();
      place.replaceChildren();
      panel = null;
      const { device, bundle } = engine;
      try {
        if (bundle.manifest.training) panel = mountLearn(place, { device, bundle, examples });
      } catch (error) {
        // What cannot be trained here is no reason not to answer.
        if (!(error instanceof PlainError)) throw error;
        place.append(element("p", { class: "soft" }, error.message));
      }
    },
    draw() {
      root.hidden = link.hidden = examples().length < FEWEST || !engine?.bundle.manifest.training;
    },
  };
}

/** The examples' clips, by genre and file. */
function examples(): LearnGenre[] {
  const files = (genre: string) => examplesOf(genre).filter((one) => current(one) && one.clips.length > 0);
  return state.genres.map((genre) => ({ name: genre.name, files: files(genre.id).map(({ name, clips }) => ({ name, clips })) })).filter((genre) => genre.files.length > 0);
}
