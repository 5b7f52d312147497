import type { Bundle } from "../runtime/bundle.ts";
import type { Device } from "../runtime/device.ts";
import { damaged } from "../runtime/json.ts";
import { Program } from "../runtime/program.ts";
import { distance } from "../genres/vectors.ts";
import { PlainError, type Progress } from "../words.ts";
import { drawEpisode, type LearnGenre, type Material, materialOf } from "./material.ts";
import { Random } from "./random.ts";
import { learningRate, type Task, type Training, trainingOf } from "./training.ts";

/** What a step measured of its episode before it changed anything. */
export interface Taken {
  /** From 1 on. */
  step: number;
  loss: number;
  /** Share of the clips asked about that were right. */
  accuracy: number;
}

/** How many of the songs kept apart are taken for what they are. */
export interface Examined {
  right: number;
  of: number;
}

/** Words of a slot: buffer, first element, frames, elements from band to band, frames among which the clip lies (`ops::Slot`). */
const SLOT = 5;

/** Songs of a genre that stand for it when the songs kept apart are asked about. */
const STAND = 16;

/** Trains the network of a bundle from nothing by its plans: whatever network that is. */
export class Trainer {
  readonly training: Training;
  readonly #device: Device;
  readonly #bundle: Bundle;
  readonly #clip: { bands: number; frames: number };
  #program: Program | null = null;
  #examiner: Program | null = null;
  #task: Task | null = null;
  #material: Material | null = null;
  #random = new Random(0);
  #seed = 0;
  #taken = 0;
  /** Changes when it is closed, so that what is still opened then is closed too. */
  #use = 0;

  private constructor(device: Device, bundle: Bundle, training: Training) {
    this.#device = device;
    this.#bundle = bundle;
    this.training = training;
    const { bands, frames } = bundle.manifest.hearing;
    this.#clip = { bands, frames };
  }

  /** @throws PlainError where the bundle has no training. */
  static open(device: Device, bundle: Bundle): Trainer {
    const training = trainingOf(bundle);
    if (!training) throw new PlainError("The model of this page came without a network to train. Export it with one.");
    return new Trainer(device, bundle, training);
  }

  /** The network's numbers before it learns anything. */
  initial(): Float32Array {
    const { plan } = this.training.tasks[0]!;
    const name = this.#bundle.plan(plan, this.#device.software).initial.get("parameters");
    const data = name === undefined ? null : this.#bundle.tensor(name).data;
    if (!(data instanceof Float32Array)) throw damaged("bundle.json", "the training has no parameters to begin with");
    checkCurves(this.training, data.length);
    return data;
  }

  /** Steps taken since the last start. */
  get taken(): number {
    return this.#taken;
  }

  /** What an episode asks. */
  get task(): Task {
    return this.#task!;
  }

  /**
   * Chooses what is learned from, compiles the plan for so many genres, and starts from nothing.
   *
   * @param seed of what is drawn; the bundle's if none is given.
   * @param onProgress is told pipelines.
   * @throws PlainError: too little to learn from, memory, a fault of the device; it was closed or given others meanwhile.
   */
  async setExamples(genres: readonly LearnGenre[], seed = this.training.seed, onProgress: Progress = () => {}): Promise<Material> {
    const { bands, frames } = this.#clip;
    const { bank, tasks } = this.training;
    const room = Math.floor(bank / (bands * frames));
    const material = materialOf(genres, room, seed);
    const task = tasks.findLast(({ way }) => way <= material.genres.length) ?? tasks[0]!;
    if (this.#task !== task) {
      this.close();
      this.#program = await this.#open(task.plan, onProgress);
      this.#task = task;
    }
    const stored = new Float32Array(material.clips.length * bands * frames);
    material.clips.forEach((clip, k) => stored.set(clip, k * bands * frames));
    this.#program!.write("bank", stored);
    this.#material = material;
    this.restart(seed);
    return material;
  }

  /** Compiles a plan, and gives it up where the trainer was closed meanwhile. */
  async #open(plan: string, onProgress?: Progress): Promise<Program> {
    const use = this.#use;
    const program = await Program.open(this.#device, this.#bundle, plan, onProgress);
    try {
      if (use !== this.#use) throw new PlainError("The training was given up.");
      checkCurves(this.training, elements(program, "parameters"));
      return program;
    } catch (error) {
      program.close();
      throw error;
    }
  }

  /** Starts from nothing again, with other episodes if the seed is another. */
  restart(seed: number): void {
    const program = this.#program!;
    const { initial } = this.#bundle.plan(this.#task!.plan, this.#device.software);
    for (const port of ["first", "second", "gradients"]) program.write(port, new Float32Array(elements(program, port)));
    for (const [port, name] of initial) program.write(port, this.#bundle.tensor(name).data);
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#taken = 0;
  }

  /** Draws the clips of the next step: {@link SLOT} words each. */
  draw(): Uint32Array {
    const { bands, frames } = this.#clip;
    const places = drawEpisode(this.#material!, this.#task!, this.#random);
    const slots = new Uint32Array(places.length * SLOT);
    places.forEach((place, k) => slots.set([0, place * bands * frames, frames, frames, frames], k * SLOT));
    return slots;
  }

  /** Submits a step with these clips; does not wait for it. */
  submit(slots: Uint32Array): void {
    const program = this.#program!;
    const info = new Uint32Array([this.#seed, this.#taken, 0, 0]);
    new Float32Array(info.buffer)[2] = learningRate(this.training, this.#taken);
    program.write("slots", slots);
    program.write("step", info);
    program.run();
    this.#taken += 1;
  }

  /** Most steps that may be taken before their figures are read. */
  get most(): number {
    return this.#program!.shape("history")[2];
  }

  /** Takes steps, at most {@link most}, and waits for them. */
  async steps(count: number): Promise<Taken[]> {
    const first = this.#taken;
    for (let k = 0; k < count; k += 1) this.submit(this.draw());
    return this.figures(first);
  }

  /** Takes a step and waits for it. */
  async step(): Promise<Taken> {
    const [taken] = await this.steps(1);
    return taken!;
  }

  /** What the steps from `first` on, counted from 0, measured. */
  async figures(first: number): Promise<Taken[]> {
    const last = this.#taken;
    const history = await this.#program!.read("history");
    const rows = history.length / 4;
    return Array.from({ length: last - first }, (_, k) => {
      const row = 4 * ((first + k) % rows);
      return { step: first + k + 1, loss: history[row]!, accuracy: history[row + 1]! };
    });
  }

  /** The network's numbers as they are, in the layout that {@link Training.curves} speaks of. */
  async parameters(): Promise<Float32Array> {
    return Float32Array.from(await this.#program!.read("parameters"));
  }

  /**
   * Asks about the songs kept apart: which genre's mean is nearest to each.
   *
   * @returns null where none is.
   */
  async examine(): Promise<Examined | null> {
    const { genres } = this.#material!;
    if (genres.every(({ apart }) => apart.length === 0)) return null;
    this.#examiner ??= await this.#open("examine");
    this.#examiner.write("parameters", await this.parameters());
    const stand = genres.map(({ units }) => units.slice(0, STAND));
    const found = await this.#embed([...stand, ...genres.map(({ apart }) => apart)].flat(2));
    const meanOf = (clips: number[]) => mean(clips.map((clip) => found.get(clip)!));
    const means = stand.map((songs) => mean(songs.map(meanOf)));
    const metric = { distance: this.training.distance, scale: 1 };
    let right = 0;
    let of = 0;
    genres.forEach(({ apart }, own) => {
      for (const song of apart) {
        const distances = means.map((genre) => distance(metric, meanOf(song), genre));
        of += 1;
        right += distances.indexOf(Math.min(...distances)) === own ? 1 : 0;
      }
    });
    return { right, of };
  }

  async #embed(clips: number[]): Promise<Map<number, Float32Array>> {
    const examiner = this.#examiner!;
    const [batch] = examiner.shape("clips");
    const size = elements(examiner, "clips") / batch;
    const width = elements(examiner, "embedding") / batch;
    const found = new Map<number, Float32Array>();
    for (let first = 0; first < clips.length; first += batch) {
      const some = clips.slice(first, first + batch);
      some.forEach((clip, k) => examiner.write("clips", this.#material!.clips[clip]!, k * size));
      examiner.run();
      const values = await examiner.read("embedding");
      some.forEach((clip, k) => found.set(clip, Float32Array.from(values.subarray(k * width, (k + 1) * width))));
    }
    return found;
  }

  /** Gives the memory on the device back. */
  close(): void {
    this.#use += 1;
    this.#program?.close();
    this.#examiner?.close();
    this.#program = this.#examiner = this.#task = null;
  }
}

/** Every function that is drawn lies within the parameters. */
function checkCurves({ curves }: Training, parameters: number): void {
  for (const { first, inputs, kernel, slots, padded, layer } of curves) {
    const end = first + inputs * kernel[0] * kernel[1] * slots * padded;
    if (end > parameters) throw damaged("bundle.json", `the functions of layer ${layer} are not among the parameters`);
  }
}

function elements(program: Program, port: string): number {
  return program.shape(port).reduce((product, size) => product * size, 1);
}

function mean(vectors: Float32Array[]): Float32Array {
  return vectors[0]!.map((_, k) => vectors.reduce((sum, vector) => sum + vector[k]!, 0) / vectors.length);
}
