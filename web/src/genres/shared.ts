import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { PlainError } from "../words.ts";
import { double, single } from "./decimal.ts";
import type { Example, Genre } from "./learn.ts";
import { checkedName } from "./names.ts";

/** What the file says that it is. */
const KIND = "gamaka genres";

/** The version that is written, and the newest that is read. */
const VERSION = 1;

/** Bytes of the largest file. */
const LARGEST = 64 * 2 ** 20;

const FOREIGN = "is no file of genres: give one that was exported from a library";
const DAMAGED = "is damaged: have it exported or copied again";

/** The model that heard the examples. */
export interface SharedModel {
  /** What its network is called. */
  name: string;
  /** The hash of its file, 64 hex digits. */
  hash: string;
  /** Values of an embedding. */
  width: number;
}

/** The content of a file of genres, as `gamaka genre export` writes it and `import` reads it (`src/genres/shared.rs`). */
export interface Shared {
  model: SharedModel;
  /** Whether a linear probe is to rank the genres where it helps; the page has none, and passes it on. */
  adapt: boolean;
  genres: Genre[];
}

/** The file's text, to the byte as the native program writes it. */
export function writeShared(genres: Genre[], { name, hash, width }: SharedModel, adapt = false): string {
  // Each name once, and no field but those of the file.
  const content = compact({ model: { name, hash, width }, adapt, genres });
  return `{"kind":"${KIND}","version":${VERSION},"checksum":"${checksum(content)}","content":${content}}\n`;
}

/**
 * What a file's text holds, and nothing in it is taken on trust. Throws a `PlainError` that begins with the file's `name`:
 * another kind, a newer version, damaged, heard by a model other than `model`, or no genres that could be made use of.
 */
export function readShared(text: string, model: SharedModel, name = "the file"): Shared {
  const shared = parse(text, (reason) => new PlainError(`${name} ${reason}`));
  if (shared.model.hash !== model.hash || shared.model.width !== model.width) {
    throw new PlainError(
      `${name} holds genres that were taught to another model (${shared.model.name}) than this page's (${model.name}), ` +
        "and what two models hear cannot be compared",
    );
  }
  return shared;
}

function parse(text: string, refuse: (reason: string) => PlainError): Shared {
  if (text.length > LARGEST) throw refuse("is larger than 64 MiB, which no file of genres is");
  const head = json(text);
  if (!isObject(head) || typeof head.kind !== "string" || !isCount(head.version)) {
    throw refuse(text.startsWith(`{"kind":"${KIND}"`) ? DAMAGED : FOREIGN);
  }
  if (head.kind !== KIND) throw refuse(FOREIGN);
  if (head.version > VERSION) {
    throw refuse(`has version ${head.version}, and this page reads up to ${VERSION}: load the page anew`);
  }
  const content = hasOnly(head, ["kind", "version", "checksum", "content"]) ? contentOf(head.content) : null;
  if (!content || checksum(compact(content)) !== head.checksum) throw refuse(DAMAGED);
  check(content, refuse);
  return content;
}

/** Whoever wrote the checksum may have written anything. */
function check({ model, genres }: Shared, refuse: (reason: string) => PlainError): void {
  if (!isHash(model.hash) || model.width === 0) throw refuse("does not say which model heard its examples");
  if (genres.length === 0) throw refuse("holds no genres");
  const names = new Set<string>();
  for (const { name, examples } of genres) {
    let checked;
    try {
      checked = checkedName(name);
    } catch (error) {
      throw refuse(`has a genre of no use: ${(error as Error).message}`);
    }
    if (checked !== name || names.has(name)) throw refuse(`has the genre \`${name}\` twice`);
    names.add(name);
    if (examples.length === 0) throw refuse(`has no example of the genre \`${name}\``);
    const isGood = ({ hash, seconds, embedding }: Example) =>
      isHash(hash) && seconds > 0 && embedding.length === model.width;
    if (!examples.every(isGood)) throw refuse(`has an example of the genre \`${name}\` that cannot be compared`);
  }
}

/** BLAKE3 of the content as compact JSON. */
function checksum(content: string): string {
  return bytesToHex(blake3(new TextEncoder().encode(content)));
}

/** Compact JSON as serde_json prints it. */
function compact({ model, adapt, genres }: Shared): string {
  const list = <T>(items: Iterable<T>, of: (item: T) => string) => `[${Array.from(items, of).join(",")}]`;
  const example = ({ name, hash, seconds, embedding }: Example) =>
    `{"name":${JSON.stringify(name)},"hash":${JSON.stringify(hash)},"seconds":${double(seconds)},` +
    `"embedding":${list(embedding, single)}}`;
  const genre = ({ name, examples }: Genre) =>
    `{"name":${JSON.stringify(name)},"examples":${list(examples, example)}}`;
  return (
    `{"model":{"name":${JSON.stringify(model.name)},"hash":${JSON.stringify(model.hash)},"width":${model.width}},` +
    `"adapt":${adapt},"genres":${list(genres, genre)}}`
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The content with its types, or null where it has others. */
function contentOf(value: unknown): Shared | null {
  if (!isObject(value) || !hasOnly(value, ["model", "adapt", "genres"])) return null;
  const { model, adapt } = value;
  if (!isObject(model) || !hasOnly(model, ["name", "hash", "width"])) return null;
  const { name, hash, width } = model;
  if (!isText(name) || !isText(hash) || !isCount(width) || typeof adapt !== "boolean") return null;
  const genres = listOf(value.genres, genreOf);
  return genres && { model: { name, hash, width }, adapt, genres };
}

function genreOf(value: unknown): Genre | null {
  if (!isObject(value) || !hasOnly(value, ["name", "examples"]) || !isText(value.name)) return null;
  const examples = listOf(value.examples, exampleOf);
  return examples && { name: value.name, examples };
}

function exampleOf(value: unknown): Example | null {
  if (!isObject(value) || !hasOnly(value, ["name", "hash", "seconds", "embedding"])) return null;
  const { name, hash, seconds } = value;
  const values = listOf(value.embedding, (number) => (typeof number === "number" ? number : null));
  if (!isText(name) || !isText(hash) || typeof seconds !== "number" || !values) return null;
  const embedding = Float32Array.from(values);
  // No JSON number is infinite, but one may be too large for what it stands for.
  return Number.isFinite(seconds) && embedding.every(Number.isFinite) ? { name, hash, seconds, embedding } : null;
}

function listOf<T>(value: unknown, of: (item: unknown) => T | null): T[] | null {
  if (!Array.isArray(value)) return null;
  const found = value.map(of);
  return found.includes(null) ? null : (found as T[]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasOnly(value: Record<string, unknown>, fields: string[]): boolean {
  return Object.keys(value).length === fields.length && fields.every((field) => Object.hasOwn(value, field));
}

function isText(value: unknown): value is string {
  return typeof value === "string" && !/\p{Cs}/u.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(text: string): boolean {
  return /^[0-9a-fA-F]{64}$/.test(text);
}
