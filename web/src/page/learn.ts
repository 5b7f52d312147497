/** The panel in which a small network learns the genres from nothing. */

import type { LearnGenre, Material } from "../learn/material.ts";
import { type Examined, type Taken, Trainer } from "../learn/trainer.ts";
import type { Bundle } from "../runtime/bundle.ts";
import type { Device } from "../runtime/device.ts";
import { PlainError } from "../words.ts";
import { button, count, element, percent, say } from "./elements.ts";
import { Chart } from "./learn_chart.ts";
import { Wall } from "./learn_wall.ts";

export type { LearnFile, LearnGenre } from "../learn/material.ts";

/** What the panel needs. */
export interface Learning {
  device: Device;
  bundle: Bundle;
  /** Asked at each start. */
  examples: () => readonly LearnGenre[];
}

/** Milliseconds that the device may work before the page is drawn, and steps of a fast one in that time. */
const TURN = 120;
const TURN_STEPS = 4;
/** Between two drawings where motion is not wanted, in milliseconds. */
const STILL = 4000;
/** How often the songs kept apart are asked about in a training. */
const EXAMS = 10;

const ABOUT_CURVES =
  "Where most networks have a number, a layer of this one has a curve on each of its connections: what comes in lies on the horizontal axis, its height goes on. " +
  "Dashed is where a curve began, blue where it is now; the shaded part is where it can bend. “8 → 11” " +
  "leads from channel 8 to channel 11; a layer has several such, for what lies higher and lower, earlier and later.";
const BEFORE = "Start it, and two lines show how far off it is and how often it is right, step by step, while these curves take their shape.";

type Phase = "idle" | "opening" | "running" | "paused" | "done";

/** Builds the panel into `root`. */
export function mountLearn(root: HTMLElement, learning: Learning): { close(): void } {
  const panel = new Panel(learning);
  root.append(panel.root);
  return panel;
}

class Panel {
  readonly root = element("div", { class: "learn card" });
  readonly #learning: Learning;
  readonly #trainer: Trainer;
  readonly #main = button("Start", "full", () => this.#press());
  readonly #again = button("Start again", "", () => void this.#start());
  readonly #cancel = button("Cancel", "quiet", () => this.#reset(""));
  readonly #bar = element("progress", { "aria-label": "Steps of the training", max: 1, value: 0 });
  readonly #where = element("span", { class: "soft small" });
  readonly #told = element("p", { class: "learn-told", role: "status" });
  readonly #about = element("p", { class: "soft small" });
  readonly #loss = new Chart("How far off it is");
  readonly #right = new Chart("How often it is right");
  readonly #apartKey = element("span", { class: "key-apart" }, "songs kept apart, with their 95 % interval");
  readonly #figures: HTMLElement;
  readonly #functions = element("div", { class: "learn-functions" });
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #phase: Phase = "idle";
  /** Changes with each start, so that what still runs of another one stops. */
  #run = 0;
  /** What trains last: one at a time, also where a pause is over before its last step is. */
  #training: Promise<unknown> = Promise.resolve();
  #seed: number;
  #material: Material | null = null;
  #wall: Wall | null = null;
  #examined: Examined | null = null;
  #drawn = 0;
  #batch = 1;

  constructor(learning: Learning) {
    this.#learning = learning;
    this.#trainer = Trainer.open(learning.device, learning.bundle);
    const { training } = this.#trainer;
    this.#seed = training.seed;
    const figure = (chart: Chart, title: string, more: (Node | string)[]) =>
      element("figure", {}, element("figcaption", {}, element("strong", {}, title), ...more), chart.root as unknown as HTMLElement);
    this.#figures = element(
      "div",
      { class: "learn-figures" },
      figure(this.#loss, "How far off it is", [element("span", { class: "soft" }, "the loss, lower is better")]),
      figure(this.#right, "How often it is right", [element("span", { class: "key-own" }, "its own exercises"), this.#apartKey]),
    );
    const honest =
      `This is a second network, of ${count(training.parameters, "number")}, that knows nothing when it starts and sees your songs alone. ` +
      "It is not the one that answers above, which came trained on far more music and stays as it is. All of it happens in this browser.";
    this.root.append(
      element("p", { class: "learn-honest" }, honest),
      element("div", { class: "learn-tools" }, this.#main, this.#again, this.#cancel, element("div", { class: "learn-where" }, this.#bar, this.#where)),
      this.#told,
      this.#about,
      this.#figures,
      this.#functions,
    );
    this.#hang();
    say(this.#about, BEFORE);
    this.#show("idle");
  }

  close(): void {
    this.#run += 1;
    this.#trainer.close();
    this.#loss.close();
    this.#right.close();
    this.root.remove();
  }

  #press(): void {
    if (this.#phase === "opening") return;
    if (this.#phase === "running") this.#show("paused");
    else if (this.#phase === "paused") void this.#goOn();
    else void this.#start();
  }

  #show(phase: Phase): void {
    const words = { idle: "Start", opening: "Getting ready …", running: "Pause", paused: "Go on", done: "Train again" };
    this.#phase = phase;
    this.root.dataset["phase"] = phase;
    say(this.#main, words[phase]);
    // A button that is disabled would lose the focus.
    this.#main.ariaDisabled = String(phase === "opening");
    this.#again.hidden = phase !== "paused";
    this.#cancel.hidden = phase === "idle";
    say(this.#cancel, phase === "done" ? "Clear" : "Cancel");
    this.#bar.hidden = this.#where.hidden = phase === "idle";
    this.#figures.hidden = this.#material === null;
    if (phase === "paused") this.#tell(`Paused. ${this.#sofar()}`);
  }

  /** Says something, to a screen reader too. */
  #tell(text: string): void {
    say(this.#told, text);
  }

  #reset(text: string): void {
    // The focus does not get lost with the button that had it.
    if (this.#cancel === document.activeElement) this.#main.focus();
    this.#run += 1;
    this.#trainer.close();
    this.#material = this.#examined = null;
    this.#hang();
    say(this.#about, BEFORE);
    this.#tell(text);
    this.#show("idle");
  }

  /** Hangs the curves up as they begin. */
  #hang(): void {
    const { curves } = this.#trainer.training;
    if (curves.length === 0) return;
    this.#wall = new Wall(curves, this.#trainer.initial());
    this.#functions.replaceChildren(element("h3", {}, "The curves that it is made of"), element("p", { class: "soft small" }, ABOUT_CURVES), this.#wall.root);
  }

  async #start(): Promise<void> {
    const run = (this.#run += 1);
    const again = this.#material !== null;
    if (again) this.#seed += 1;
    this.#show("opening");
    await this.#training;
    if (run !== this.#run) return;
    await this.#guarded(run, async () => {
      const told = (done: number, all: number) => {
        if (run === this.#run) this.#progress(done / all, `Preparing the device: ${done} of ${all}`);
      };
      const material = await this.#trainer.setExamples(this.#learning.examples(), this.#seed, told);
      if (run !== this.#run) return;
      this.#material = material;
      this.#examined = null;
      this.#drawn = 0;
      this.#batch = 1;
      const { steps } = this.#trainer.training;
      const { way } = this.#trainer.task;
      this.#loss.begin({ steps, guessing: Math.log(way), high: 1.5 * Math.log(way), fixed: false, tick: (value) => value.toFixed(1) });
      this.#right.begin({ steps, guessing: 1 / way, high: 1, fixed: true, tick: percent });
      this.#apartKey.hidden = material.genres.every(({ apart }) => apart.length === 0);
      this.#hang();
      say(this.#about, describe(material, way));
    });
    if (run === this.#run && this.#material) await this.#goOn();
  }

  async #goOn(): Promise<void> {
    const run = this.#run;
    this.#show("running");
    this.#tell(this.#trainer.taken === 0 ? "Training begins." : "Training goes on.");
    const before = this.#training;
    const trained = before.then(() => this.#train(run));
    this.#training = trained.catch(() => {});
    await trained;
  }

  async #train(run: number): Promise<void> {
    // Who waited for another finds it paused, done or given up.
    if (run !== this.#run || this.#phase !== "running") return;
    const { steps } = this.#trainer.training;
    await this.#guarded(run, async () => {
      while (this.#phase === "running" && this.#trainer.taken < steps) {
        const before = this.#trainer.taken;
        if (Math.floor((before * EXAMS) / steps) !== Math.floor(((before - this.#batch) * EXAMS) / steps)) await this.#examine();
        if (run !== this.#run) return;
        const since = performance.now();
        const taken = await this.#trainer.steps(Math.min(this.#batch, this.#trainer.most, steps - before));
        if (run !== this.#run) return;
        const each = (performance.now() - since) / taken.length;
        this.#batch = Math.max(1, Math.min(Math.floor(TURN / each), TURN_STEPS));
        await this.#note(taken);
        await frame();
        if (run !== this.#run) return;
      }
      if (this.#trainer.taken < steps) return;
      await this.#examine();
      if (run !== this.#run) return;
      await this.#draw();
      if (run !== this.#run) return;
      this.#show("done");
      this.#tell(`Done. ${this.#sofar()}${this.#material!.genres.some(({ apart }) => apart.length > 0) ? "" : " How it does with new songs, that does not tell."}`);
    });
  }

  async #note(taken: Taken[]): Promise<void> {
    const { steps } = this.#trainer.training;
    const last = taken.at(-1)!.step;
    this.#loss.add(taken.map(({ step, loss }) => [step, loss]));
    this.#right.add(taken.map(({ step, accuracy }) => [step, accuracy]));
    this.#progress(last / steps, `Step ${last} of ${steps}`);
    const quarter = (step: number) => Math.floor((4 * step) / steps);
    if (last < steps && quarter(last) !== quarter(last - taken.length)) this.#tell(this.#sofar());
    if (!this.#still.matches || performance.now() - this.#drawn > STILL) await this.#draw();
  }

  async #draw(): Promise<void> {
    this.#drawn = performance.now();
    this.#loss.draw();
    this.#right.draw();
    this.#loss.say(`How far off it is, by step: the loss is ${this.#loss.latest.toFixed(2)} now; guessing has ${Math.log(this.#trainer.task.way).toFixed(2)}.`);
    this.#right.say(`How often it is right, by step. ${this.#sofar()}`);
    if (this.#wall) this.#wall.update(await this.#trainer.parameters());
  }

  async #examine(): Promise<void> {
    const run = this.#run;
    const examined = await this.#trainer.examine();
    if (!examined || run !== this.#run) return;
    this.#examined = examined;
    const { right, of } = examined;
    this.#right.mark({ step: this.#trainer.taken, value: right / of, ...wilson(right, of) });
  }

  #sofar(): string {
    const { way } = this.#trainer.task;
    const genres = this.#material!.genres.length;
    const right = this.#right.latest;
    const own = Number.isFinite(right) ? `In its exercises ${percent(right)} are right; guessing gives ${percent(1 / way)}.` : "";
    if (!this.#examined) return own;
    const { right: found, of } = this.#examined;
    return `${own} Of the ${count(of, "song")} that it does not train on it knows ${found}; guessing knows ${(of / genres).toFixed(of < genres ? 1 : 0)}.`;
  }

  #progress(share: number, text: string): void {
    this.#bar.value = share;
    say(this.#where, text);
  }

  /** What goes wrong is told here, and the page goes on. */
  async #guarded(run: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (run !== this.#run) return;
      this.#reset(error instanceof PlainError ? error.message : `The page has a fault: ${String(error)}`);
      if (!(error instanceof PlainError)) throw error;
    }
  }
}

/** What is learned from, and what its figures are worth. */
function describe({ genres, leftOut }: Material, way: number): string {
  const songs = genres.reduce((sum, { units, apart, single }) => sum + (single ? 1 : units.length + apart.length), 0);
  const apart = genres.reduce((sum, genre) => sum + genre.apart.length, 0);
  const single = genres.filter((genre) => genre.single).map(({ name }) => `“${name}”`);
  const told = [
    `${count(songs, "song")} of ${count(genres.length, "genre")}. In an exercise it hears a few parts of songs of ${way} genres and says which of them others belong to; no song is on both sides.`,
    apart > 0
      ? `${count(apart, "song")} ${apart === 1 ? "is" : "are"} kept apart, to be asked about.`
      : "All songs are trained on: with four songs or more in a genre, about every fourth is kept apart to be asked about.",
  ];
  if (single.length > 0) told.push(`Of ${single.join(", ")} there is one song alone, whose parts are on both sides: that looks better than it is.`);
  if (leftOut.length > 0) told.push(`Too few songs to take part: ${leftOut.map((name) => `“${name}”`).join(", ")}.`);
  return told.join(" ");
}

/** The 95 % interval of a share of so few (Wilson 1927). */
function wilson(right: number, of: number): { low: number; high: number } {
  const z = 1.96;
  const share = right / of;
  const middle = share + (z * z) / (2 * of);
  const reach = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  return { low: (middle - reach) / (1 + (z * z) / of), high: (middle + reach) / (1 + (z * z) / of) };
}

/** When the page has been drawn; in a tab that is not seen, soon. */
function frame(): Promise<void> {
  return new Promise((done) => {
    const late = setTimeout(done, 200);
    requestAnimationFrame(() => {
      clearTimeout(late);
      setTimeout(done);
    });
  });
}
