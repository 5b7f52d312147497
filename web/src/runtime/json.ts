import { PlainError } from "../words.ts";

/** What is wrong with a file of a bundle, for whoever sees the page. */
export function damaged(file: string, reason: string): PlainError {
  const help = "Load the page again; if that does not help, export it anew.";
  return new PlainError(`The model of this page is damaged (${file}: ${reason}). ${help}`);
}

/** Parts of a JSON file that someone else wrote: each is what it should be, or the file is damaged. */
export class Reader {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** Ends the reading unless something holds. */
  require(holds: boolean, reason: string): asserts holds {
    if (!holds) throw damaged(this.file, reason);
  }

  parse(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw damaged(this.file, "it is no JSON");
    }
  }

  object(value: unknown, what: string): Record<string, unknown> {
    const holds = typeof value === "object" && value !== null && !Array.isArray(value);
    this.require(holds, `${what} should be an object`);
    return value as Record<string, unknown>;
  }

  /** The entries of an object, as a map: its keys may be any. */
  entries<T>(value: unknown, what: string, each: (value: unknown, what: string) => T): Map<string, T> {
    const pairs = Object.entries(this.object(value, what));
    return new Map(pairs.map(([key, entry]) => [key, each(entry, `${what}.${key}`)]));
  }

  list<T>(value: unknown, what: string, each: (value: unknown, what: string) => T, length?: number): T[] {
    this.require(Array.isArray(value), `${what} should be a list`);
    this.require(length === undefined || value.length === length, `${what} should have ${length} entries`);
    return value.map((entry, k) => each(entry, `${what}[${k}]`));
  }

  text(value: unknown, what: string): string {
    this.require(typeof value === "string", `${what} should be a text`);
    return value;
  }

  number(value: unknown, what: string): number {
    this.require(typeof value === "number" && Number.isFinite(value), `${what} should be a number`);
    return value;
  }

  /** A whole number from 0, or another least, to a most. */
  whole(value: unknown, what: string, most = Number.MAX_SAFE_INTEGER, least = 0): number {
    const holds = Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
    this.require(holds, `${what} should be a whole number from ${least} to ${most}`);
    return value as number;
  }

  /** One of some words. */
  word<T extends string>(value: unknown, what: string, words: readonly T[]): T {
    const word = words.find((known) => known === value);
    this.require(word !== undefined, `${what} should be one of ${words.join(", ")}`);
    return word;
  }
}
