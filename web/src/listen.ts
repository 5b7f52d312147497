import type { Bundle, Hearing } from "./runtime/bundle.ts";
import type { Device } from "./runtime/device.ts";
import { damaged } from "./runtime/json.ts";
import { Program } from "./runtime/program.ts";
import { type Sound } from "./sound/decode.ts";
import { fillSegment, frameCount, frameSeconds, type Segment, segments, segmentSamples } from "./sound/segments.ts";
import { PlainError, type Progress } from "./words.ts";

/** A part of a file, from second to second. */
export interface Part {
  start: number;
  end: number;
  embedding: Float32Array<ArrayBuffer>;
}

/** Compressed mel levels over the time of a file, `[bands][frames]`, coarse enough to draw. Times that were not heard are NaN. */
export interface Levels {
  bands: number;
  frames: number;
  values: Float32Array<ArrayBuffer>;
}

/** What a model heard of a file. */
export interface Heard {
  /** Of the whole: the mean over its segments. */
  embedding: Float32Array<ArrayBuffer>;
  /** The mean embedding of each of at most 32 parts. */
  parts: Part[];
  levels: Levels;
  /** Some of its segments, at most 4 from all over it, as a network takes them: `[bands][frames]`. */
  clips: Float32Array<ArrayBuffer>[];
  /** How much was heard. */
  seconds: number;
}

/** As in src/library/hear.rs. */
const MOST_PARTS = 32;
const MOST_CLIPS = 4;
const MOST_COLUMNS = 512;

/** A model that hears sounds, one after the other, in a memory that does not grow with them. */
export class Listener {
  readonly #program: Program;
  readonly #hearing: Hearing;
  readonly #width: number;
  /** Samples of a batch, and how many of the last frames of each of its clips are silence. */
  readonly #samples: Float32Array<ArrayBuffer>;
  readonly #absent: Uint32Array<ArrayBuffer>;
  /** Who hears last. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(program: Program, { hearing, model }: Bundle["manifest"]) {
    this.#program = program;
    this.#hearing = hearing;
    this.#width = model.width;
    const batch = program.shape("samples")[0];
    this.#samples = new Float32Array(batch * segmentSamples(hearing));
    this.#absent = new Uint32Array(batch);
  }

  /**
   * Compiles a model's plan.
   *
   * @throws PlainError as {@link Program.open}, and where the plan does not hear as the bundle says.
   */
  static async open(device: Device, bundle: Bundle, onProgress?: Progress): Promise<Listener> {
    const program = await Program.open(device, bundle, "embed", onProgress);
    const { hearing, model } = bundle.manifest;
    const [batch] = program.shape("samples");
    const wanted = {
      samples: [batch, 1, 1, segmentSamples(hearing)],
      absent: [batch, 1, 1, 1],
      embedding: [batch, model.width, 1, 1],
      clips: [batch, 1, hearing.bands, hearing.frames],
    };
    for (const [port, shape] of Object.entries(wanted)) {
      if (program.shape(port).join() === shape.join()) continue;
      program.close();
      throw damaged("bundle.json", `its plan has another ${port} than it hears by`);
    }
    return new Listener(program, bundle.manifest);
  }

  /**
   * Hears a sound. Several at once are heard one after the other.
   *
   * @param onProgress is told segments.
   * @throws PlainError: the sound is too short, or the device failed; what the signal was aborted with.
   */
  async hear(sound: Sound, onProgress: Progress = () => {}, signal?: AbortSignal): Promise<Heard> {
    const before = this.#turn;
    const heard = before.then(() => this.#hear(sound, onProgress, signal));
    this.#turn = heard.catch(() => {});
    return heard;
  }

  async #hear({ samples, seconds }: Sound, onProgress: Progress, signal?: AbortSignal): Promise<Heard> {
    const hearing = this.#hearing;
    const frames = frameCount(samples.length, hearing);
    const found = segments(frames, hearing);
    if (found.length === 0) throw new PlainError("It has no sound in it.");
    const picture = new Picture(frames, hearing);
    const kept = new Set(evenly(found.length, MOST_CLIPS));
    const embeddings: Float32Array<ArrayBuffer>[] = [];
    const clips: Float32Array<ArrayBuffer>[] = [];
    const batch = this.#program.shape("samples")[0];
    for (let done = 0; done < found.length; done += batch) {
      signal?.throwIfAborted();
      const some = found.slice(done, done + batch);
      const [embedded, levels] = await this.#embed(samples, some);
      some.forEach((segment, k) => {
        embeddings.push(part(embedded, k, this.#width));
        const clip = part(levels, k, hearing.bands * hearing.frames);
        picture.add(segment, clip);
        if (kept.has(done + k)) clips.push(clip);
      });
      onProgress(done + some.length, found.length);
    }
    if (!embeddings.flatMap((embedding) => [...embedding]).every(Number.isFinite)) {
      throw new PlainError("The model's numbers overflow on it.");
    }
    return { embedding: mean(embeddings), parts: parts(embeddings, hearing, seconds), levels: picture.levels(), clips, seconds };
  }

  /** The embeddings and the levels of at most a batch of segments. */
  async #embed(samples: Float32Array, some: Segment[]): Promise<[Float32Array, Float32Array]> {
    const length = segmentSamples(this.#hearing);
    some.forEach(({ first, present }, k) => {
      this.#absent[k] = this.#hearing.frames - present;
      fillSegment(this.#samples.subarray(k * length, (k + 1) * length), samples, first, this.#hearing);
    });
    this.#program.write("samples", this.#samples);
    this.#program.write("absent", this.#absent);
    this.#program.run();
    const embedded = await this.#program.read("embedding");
    return [embedded as Float32Array, (await this.#program.read("clips")) as Float32Array];
  }

  /** Gives its memory on the device back. */
  close(): void {
    this.#program.close();
  }
}

/** A copy of the k-th of parts of a length. */
function part(values: Float32Array, k: number, length: number): Float32Array<ArrayBuffer> {
  return new Float32Array(values.subarray(k * length, (k + 1) * length));
}

/** At most so many of the first numbers, from all over them. */
function evenly(count: number, most: number): number[] {
  const chosen = Math.min(count, most);
  return Array.from({ length: chosen }, (_, k) => Math.floor(((2 * k + 1) * count) / (2 * chosen)));
}

/** The mean of embeddings, in single precision as the crate has it. */
function mean(embeddings: Float32Array[]): Float32Array<ArrayBuffer> {
  const sum = new Float32Array(embeddings[0]?.length ?? 0);
  for (const embedding of embeddings) {
    for (let k = 0; k < sum.length; k += 1) sum[k]! += Math.fround(embedding[k]! / embeddings.length);
  }
  return sum;
}

/** Parts of as many segments each as make them at most 32. */
function parts(embeddings: Float32Array[], hearing: Hearing, seconds: number): Part[] {
  const each = Math.ceil(embeddings.length / MOST_PARTS);
  const time = each * frameSeconds(hearing.hop, hearing);
  const count = Math.ceil(embeddings.length / each);
  return Array.from({ length: count }, (_, k) => ({
    // A last segment that ends with the file may begin before its turn, as in src/library/hear.rs.
    start: k * time < seconds ? k * time : Math.max(0, seconds - frameSeconds(hearing.frames, hearing)),
    end: k + 1 < count ? Math.min((k + 1) * time, seconds) : seconds,
    embedding: mean(embeddings.slice(k * each, (k + 1) * each)),
  }));
}

/** The levels of a file, a column for some frames each: their mean. */
class Picture {
  readonly #bands: number;
  readonly #segment: number;
  readonly #frames: number;
  readonly #columns: number;
  readonly #sums: Float32Array<ArrayBuffer>;
  readonly #counts: Uint32Array;

  constructor(frames: number, hearing: Hearing) {
    this.#bands = hearing.bands;
    this.#segment = hearing.frames;
    this.#frames = frames;
    this.#columns = Math.min(frames, MOST_COLUMNS);
    this.#sums = new Float32Array(this.#bands * this.#columns);
    this.#counts = new Uint32Array(this.#columns);
  }

  add({ first, present }: Segment, clip: Float32Array): void {
    for (let k = 0; k < present; k += 1) {
      const column = Math.floor(((first + k) * this.#columns) / this.#frames);
      this.#counts[column]! += 1;
      for (let band = 0; band < this.#bands; band += 1) {
        this.#sums[band * this.#columns + column]! += clip[band * this.#segment + k]!;
      }
    }
  }

  levels(): Levels {
    // Nothing by nothing is NaN.
    const values = this.#sums.map((sum, k) => sum / this.#counts[k % this.#columns]!);
    return { bands: this.#bands, frames: this.#columns, values };
  }
}
