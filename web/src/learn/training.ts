import type { Bundle } from "../runtime/bundle.ts";
import { Reader } from "../runtime/json.ts";
import type { Curves } from "./curves.ts";

/** A plan of a training step: an episode of `way` genres, of each `shot` clips to learn from and `query` to be asked about. */
export interface Task {
  plan: string;
  way: number;
  shot: number;
  query: number;
}

/** What a bundle says of the network that is trained here (`src/bundle/training.rs`). */
export interface Training {
  network: string;
  /** How many numbers it learns. */
  parameters: number;
  distance: "cosine" | "squared-euclidean";
  /** By way, from 2 on. */
  tasks: Task[];
  /** Elements of the clip bank. */
  bank: number;
  /** Steps of a training. */
  steps: number;
  /** The highest. */
  learningRate: number;
  /** Share of the steps in which the learning rate rises. */
  warmup: number;
  seed: number;
  /** Layers with splines. */
  curves: Curves[];
}

/** What the bundle says of its training; null if it has none. */
export function trainingOf(bundle: Bundle): Training | null {
  const raw = bundle.manifest.training;
  if (!raw) return null;
  const reader: Reader = new Reader("bundle.json");
  const number = (name: string) => reader.number(raw[name], `training.${name}`);
  const tasks = reader.list(raw["tasks"], "training.tasks", (entry, what) => readTask(reader, reader.object(entry, what), what));
  tasks.sort((a, b) => a.way - b.way);
  reader.require(tasks.length > 0, "training.tasks is empty");
  for (const { plan } of tasks) reader.require(bundle.has(plan), `plan ${plan} is missing`);
  return {
    network: reader.text(raw["network"], "training.network"),
    parameters: reader.whole(raw["parameters"], "training.parameters"),
    distance: reader.word(raw["distance"], "training.distance", ["cosine", "squared-euclidean"]),
    tasks,
    bank: reader.whole(raw["bank"], "training.bank", 2 ** 28, 1),
    steps: reader.whole(raw["steps"], "training.steps", 1_000_000, 1),
    learningRate: number("learning_rate"),
    warmup: number("warmup"),
    seed: reader.whole(raw["seed"], "training.seed"),
    curves: reader.list(raw["curves"], "training.curves", (entry, what) => readCurves(reader, reader.object(entry, what), what)),
  };
}

function readTask(reader: Reader, raw: Record<string, unknown>, what: string): Task {
  const count = (name: string, least: number) => reader.whole(raw[name], `${what}.${name}`, 1000, least);
  return { plan: reader.text(raw["plan"], `${what}.plan`), way: count("way", 2), shot: count("shot", 1), query: count("query", 1) };
}

function readCurves(reader: Reader, raw: Record<string, unknown>, what: string): Curves {
  const count = (name: string, least = 1) => reader.whole(raw[name], `${what}.${name}`, 2 ** 25, least);
  const [rows, columns] = reader.list(raw["kernel"], `${what}.kernel`, (size, place) => reader.whole(size, place, 2 ** 16, 1), 2);
  const curves: Curves = {
    layer: reader.text(raw["layer"], `${what}.layer`),
    inputs: count("inputs"),
    kernel: [rows!, columns!],
    outputs: count("outputs"),
    first: count("first", 0),
    slots: count("slots"),
    padded: count("padded"),
    low: reader.number(raw["low"], `${what}.low`),
    high: reader.number(raw["high"], `${what}.high`),
    grid: reader.whole(raw["grid"], `${what}.grid`, 64, 1),
    order: reader.whole(raw["order"], `${what}.order`, 3, 1),
  };
  reader.require(curves.low < curves.high, `${what} has no grid`);
  reader.require(curves.slots === curves.grid + curves.order + 1, `${what}.slots does not suit its grid`);
  reader.require(curves.outputs <= curves.padded, `${what}.padded is too small`);
  return curves;
}

/** The learning rate of a step, from 0 on: it rises, and then falls along a cosine to a hundredth (`TrainConfig::learning_rate`). */
export function learningRate({ steps, warmup, learningRate }: Training, step: number): number {
  const rise = Math.max(warmup * steps, 1);
  const done = step + 1;
  if (done <= rise) return (learningRate * done) / rise;
  const share = Math.min((done - rise) / Math.max(steps - rise, 1), 1);
  return learningRate * (0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * share)));
}
