import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { PlainError, type Progress } from "../words.ts";
import { damaged, Reader } from "./json.ts";
import { type PlanFile, readPlan } from "./plan.ts";
import { readSafetensors, type StoredTensor } from "./safetensors.ts";

/** Where the files of a bundle are: a place on the web, or whatever else holds them. */
export interface Files {
  /**
   * The content of a file, by its path with `/`.
   * @param most bytes that it may have.
   */
  read(path: string, most: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** How a model hears: lengths in samples and frames. */
export interface Hearing {
  sample_rate: number;
  n_fft: number;
  hop_length: number;
  pad: "zero" | "reflect";
  bands: number;
  /** Of a segment. */
  frames: number;
  /** From the beginning of a segment to that of the next. */
  hop: number;
  /** Of a longer file the beginning is heard. */
  max_seconds: number;
  /** The centre of each band in Hz. */
  band_hz: number[];
}

/** `bundle.json`. What is unknown here is of those who use it. */
export interface Manifest {
  gamaka: string;
  model: { name: string; hash: string; width: number; card: Record<string, unknown> };
  hearing: Hearing;
  comparison: Record<string, unknown>;
  training: Record<string, unknown> | null;
}

const KIND = "gamaka bundle";
const VERSION = 1;
const MANIFEST = "bundle.json";
const TENSORS = "tensors.safetensors";
const SHADERS = "shaders/";
/** Bytes of the manifest, and of all other files together: far more than a bundle has. */
const MOST_MANIFEST = 2 ** 22;
const MOST_BYTES = 2 ** 29;
const MOST_FILES = 4096;

/** A model as `gamaka export` writes it: plans, the shaders of their kernels, and values. All of it has been checked. */
export class Bundle {
  readonly manifest: Manifest;
  readonly #plans: { task: string; plan: PlanFile }[];
  readonly #tensors: Map<string, StoredTensor>;
  readonly #shaders: Map<string, string>;

  /** @hidden use {@link openBundle}. */
  constructor(
    manifest: Manifest,
    plans: { task: string; plan: PlanFile }[],
    tensors: Map<string, StoredTensor>,
    shaders: Map<string, string>,
  ) {
    this.manifest = manifest;
    this.#plans = plans;
    this.#tensors = tensors;
    this.#shaders = shaders;
  }

  /** Whether it can do a task. */
  has(task: string): boolean {
    return this.#plans.some((entry) => entry.task === task);
  }

  /** The plan of a task that suits an adapter, or else another of that task. */
  plan(task: string, software: boolean): PlanFile {
    const plans = this.#plans.filter((entry) => entry.task === task).map((entry) => entry.plan);
    const suited = plans.find((plan) => plan.class.startsWith("software") === software) ?? plans[0];
    if (!suited) throw new PlainError(`The model of this page has no plan for this (${task}). Export it anew.`);
    return suited;
  }

  /** A tensor by its name. */
  tensor(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw damaged(TENSORS, `tensor ${name} is missing`);
    return tensor;
  }

  /** The WGSL of a file as plans call it. */
  shader(file: string): string {
    const text = this.#shaders.get(file);
    if (text === undefined) throw damaged(MANIFEST, `shader ${file} is missing`);
    return text;
  }
}

/**
 * Opens a bundle and checks all of it: sizes before anything is read, hashes, every tensor, every plan.
 *
 * @param base the address of its folder, or what holds its files.
 * @param onProgress is told bytes.
 * @throws PlainError: files that cannot be fetched, a newer version, or whatever is wrong with it.
 */
export async function openBundle(base: string | Files, onProgress: Progress = () => {}): Promise<Bundle> {
  const files = typeof base === "string" ? new WebFiles(base) : base;
  const reader: Reader = new Reader(MANIFEST);
  const raw = reader.object(reader.parse(await files.read(MANIFEST, MOST_MANIFEST)), "bundle");
  checkVersion(reader, raw);
  const manifest = readManifest(reader, raw);
  const contents = await readFiles(files, readListing(reader, raw["files"]), onProgress);

  const stored = contents.get(TENSORS);
  reader.require(stored !== undefined, `${TENSORS} is missing`);
  const tensors = readSafetensors(TENSORS, stored);
  const shaders = readShaders(contents);
  const available = { tensors, shader: (name: string) => shaders.has(name) };
  const plans = reader.list(raw["plans"], "plans", (entry, what) => {
    const { task, file, initial } = reader.object(entry, what);
    const name = reader.text(file, `${what}.file`);
    const bytes = contents.get(name);
    reader.require(bytes !== undefined, `${name} is missing`);
    const plan = readPlan(name, new Reader(name).parse(bytes), initial ?? {}, available);
    return { task: reader.text(task, `${what}.task`), plan };
  });
  return new Bundle(manifest, plans, tensors, shaders);
}

function checkVersion(reader: Reader, { kind, version, gamaka }: Record<string, unknown>): void {
  reader.require(kind === KIND, "it is no bundle of gamaka");
  const number = reader.whole(version, "version");
  if (number > VERSION) {
    throw new PlainError(
      `The model was exported by a newer gamaka (${String(gamaka)}) than this page is of. ` +
        "Load the page again, or export both by the same gamaka.",
    );
  }
  reader.require(number === VERSION, `version ${number} is unknown`);
}

function readManifest(reader: Reader, raw: Record<string, unknown>): Manifest {
  const model = reader.object(raw["model"], "model");
  const hash = reader.text(model["hash"], "model.hash");
  reader.require(/^[0-9a-f]{64}$/.test(hash), "model.hash is no hash");
  return {
    gamaka: reader.text(raw["gamaka"], "gamaka"),
    model: {
      name: reader.text(model["name"], "model.name"),
      hash,
      width: reader.whole(model["width"], "model.width", 2 ** 16, 1),
      card: reader.object(model["card"], "model.card"),
    },
    hearing: readHearing(reader, raw["hearing"]),
    comparison: reader.object(raw["comparison"], "comparison"),
    training: raw["training"] === null ? null : reader.object(raw["training"], "training"),
  };
}

function readHearing(reader: Reader, value: unknown): Hearing {
  const raw = reader.object(value, "hearing");
  const whole = (name: string, most: number) => reader.whole(raw[name], `hearing.${name}`, most, 1);
  const bands = whole("bands", 2 ** 12);
  const seconds = reader.number(raw["max_seconds"], "hearing.max_seconds");
  reader.require(seconds > 0 && seconds <= 2 ** 16, "hearing.max_seconds should be a time");
  return {
    sample_rate: whole("sample_rate", 384_000),
    n_fft: whole("n_fft", 2 ** 16),
    hop_length: whole("hop_length", 2 ** 16),
    pad: reader.word(raw["pad"], "hearing.pad", ["zero", "reflect"]),
    bands,
    frames: whole("frames", 2 ** 16),
    hop: whole("hop", 2 ** 20),
    max_seconds: seconds,
    band_hz: reader.list(raw["band_hz"], "hearing.band_hz", (hz, what) => reader.number(hz, what), bands),
  };
}

interface Listed {
  path: string;
  bytes: number;
  hash: string;
}

/** The files of a bundle, which lie below it, and all together are no larger than one may be. */
function readListing(reader: Reader, value: unknown): Listed[] {
  const files = [...reader.entries(value, "files", (entry, what) => reader.object(entry, what))];
  reader.require(files.length <= MOST_FILES, `it has ${files.length} files`);
  const listed = files.map(([path, { bytes, hash }]) => {
    const plain = path.split("/").every((part) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(part));
    reader.require(plain, `${JSON.stringify(path)} is no path of a file`);
    return { path, bytes: reader.whole(bytes, path, MOST_BYTES), hash: reader.text(hash, path) };
  });
  const all = listed.reduce((sum, file) => sum + file.bytes, 0);
  reader.require(all <= MOST_BYTES, `its files have ${all} bytes`);
  return listed;
}

/** Reads all files at once, and holds each to its length and its hash. */
async function readFiles(
  files: Files,
  listed: Listed[],
  onProgress: Progress,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const all = listed.reduce((sum, file) => sum + file.bytes, 0);
  let done = 0;
  const read = async ({ path, bytes, hash }: Listed): Promise<[string, Uint8Array<ArrayBuffer>]> => {
    const content = await files.read(path, bytes);
    if (content.length !== bytes) throw damaged(path, `it has ${content.length} bytes instead of ${bytes}`);
    if (bytesToHex(blake3(content)) !== hash) throw damaged(path, "its content is not what it was");
    onProgress((done += bytes), all);
    return [path, content];
  };
  return new Map(await Promise.all(listed.map(read)));
}

function readShaders(contents: Map<string, Uint8Array>): Map<string, string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const shaders = [...contents].filter(([path]) => path.startsWith(SHADERS));
  return new Map(
    shaders.map(([path, bytes]) => {
      try {
        return [path.slice(SHADERS.length), decoder.decode(bytes)];
      } catch {
        throw damaged(path, "it is no text");
      }
    }),
  );
}

/** Files below an address. */
class WebFiles implements Files {
  readonly #base: URL;

  constructor(base: string) {
    this.#base = new URL(base.endsWith("/") ? base : `${base}/`, document.baseURI);
  }

  read(path: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
    return download(this.#base, path, most);
  }
}

/**
 * A file of a bundle below an address.
 *
 * @param how it is fetched. The files of one bundle belong together: as a rule the browser's own copy does not count.
 * @throws PlainError where it cannot be had or has more bytes than `most`.
 */
export async function download(
  base: URL,
  path: string,
  most: number,
  how: RequestInit = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const unreachable = (reason: string) =>
    new PlainError(`The model of this page could not be fetched (${path}: ${reason}). Check the connection and load the page again.`);
  const response = await fetch(new URL(path, base), { cache: "no-cache", ...how }).catch((error: unknown) => {
    throw unreachable(String(error));
  });
  if (!response.ok || !response.body) throw unreachable(`answer ${response.status}`);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const body = response.body.getReader();
  for (;;) {
    const { done, value } = await body.read().catch((error: unknown) => {
      throw unreachable(String(error));
    });
    if (done) break;
    length += value.length;
    if (length > most) {
      void body.cancel();
      throw damaged(path, `it has more than ${most} bytes`);
    }
    pieces.push(value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
