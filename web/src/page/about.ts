/** What the page is, what it does with files, and what its model can and cannot do. */

import type { Bundle } from "../runtime/bundle.ts";
import { count, element, say } from "./elements.ts";
import type { Engine } from "./engine.ts";

/** Builds the part of the page about itself, and returns what adds to it once the model is known. */
export function buildAbout(root: HTMLElement): (engine: Engine) => void {
  const device = element("p", { class: "soft small" });
  const card = element("div", {});
  const listens = element("article", { class: "card tall", hidden: true }, element("h3", {}, "What listens"), card, device);
  root.append(
    element("h2", { id: "about-title" }, "About this page"),
    element(
      "div", { class: "cards" },
      part("What happens with your files",
        "They are read by this page, in this browser, and go nowhere: no server gets them, their names, or what was heard in them. You can switch off the network and go on.",
        "Your genres and examples are kept in this browser until you remove them, with their sounds as far as there is room. Songs that you ask about are forgotten when you close the page."),
      part("How it decides",
        "A small neural network turns each song into a point, so that songs which sound alike lie close together. Each genre has its place in the middle of its examples, and a song belongs where it is nearest.",
        "A song that is far from all of your genres is called unknown. Long songs are heard in parts; the part that is most like the answer is marked."),
      listens,
      part("More than this page",
        "gamaka also runs on the command line, on whole libraries of music. A file of genres that you save here is read there by “gamaka genre import”, and the other way round.",
        "To have this page at hand without a network, install it from your browser’s menu, or keep a bookmark."),
    ),
  );
  return ({ bundle, device: found }) => {
    listens.hidden = false;
    card.replaceChildren(...modelCard(bundle));
    say(device, found.software ? `Computed by this machine’s processor (${found.name}), which is slower than a graphics device.` : `Computed by your graphics device (${found.name}).`);
  };
}

function part(title: string, ...texts: string[]): HTMLElement {
  return element("article", { class: "card" }, element("h3", {}, title), ...texts.map((text) => element("p", {}, text)));
}

/** The model's card in words; what it does not tell is left out. */
function modelCard({ manifest: { model, hearing } }: Bundle): HTMLElement[] {
  const { card } = model;
  const number = (value: unknown) => (typeof value === "number" ? value.toLocaleString("en") : null);
  const music = (value: unknown) => {
    const { files, classes } = (value ?? {}) as Record<string, unknown>;
    return number(files) && number(classes) && `${number(files)} pieces of music, ${number(classes)} kinds`;
  };
  const rounds = number(card["episodes"]);
  const facts: [string, string | null][] = [
    ["Model", model.name],
    ["Size", number(card["parameters"]) && `${number(card["parameters"])} learned numbers`],
    ["Trained on", music(card["trained_on"])],
    ["Chosen by", music(card["validated_on"])],
    ["Taught by", card["teacher"] === true ? "another network, whose hearing it learned to predict" : rounds && `${rounds} rounds of telling kinds apart`],
    ["Hears", `${number(Math.round(((hearing.frames * hearing.hop_length) / hearing.sample_rate) * 10) / 10)} seconds at a time, of long songs one piece of three, and no more than ${count(Math.round(hearing.max_seconds / 60), "minute")}`],
    ["Certainty", typeof card["probabilities_measured"] === "boolean" ? (card["probabilities_measured"] ? "its percentages were held against music with known answers" : "its percentages were not held against known answers: take them as an order") : null],
    ["Licence", typeof card["licence"] === "string" ? card["licence"] : null],
  ];
  const rows = facts.flatMap(([name, value]) => (value ? [element("dt", {}, name), element("dd", {}, value)] : []));
  return [
    element("dl", { class: "facts" }, ...rows),
    element("p", {}, "It hears how music sounds and moves, not its words, year or scene. It is at home with what it was trained on, and may be wrong about any song: the nearest examples show why."),
  ];
}
