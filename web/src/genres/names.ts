import { PlainError } from "../words.ts";

/** Bytes of the longest name. */
const LONGEST = 200;

const BLANKS = /^\p{White_Space}+|\p{White_Space}+$/gu;
/** What a terminal obeys, or cannot show: controls, what turns the direction of text, halves of characters. */
const DIRECTS = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A genre's name without blanks around its parts, which `/` separates (`src/genres/name.rs`). */
export function checkedName(name: string): string {
  const parts = name.split("/").map((part) => part.replace(BLANKS, ""));
  const whole = parts.join("/");
  const reason = refused(whole, parts);
  if (reason === null) return whole;
  throw new PlainError(`\`${[...name].slice(0, LONGEST).join("")}\` is no name for a genre: ${reason}`);
}

function refused(whole: string, parts: string[]): string | null {
  if (whole === "") return "it is empty";
  if (parts.includes("")) return "a part of it is empty; `/` stands between a genre and one within it";
  if (DIRECTS.test(whole)) return "it holds characters that cannot be shown";
  if (new TextEncoder().encode(whole).length > LONGEST) return "it is longer than 200 bytes";
  if (whole.toLowerCase() === "unknown") return "answers have that word for files that are like no genre";
  return null;
}

/** The genres that a genre lies within, the outermost first: `a` and `a/b` for `a/b/c`. */
export function parents(name: string): string[] {
  return [...name.matchAll(/\//g)].map((found) => name.slice(0, found.index));
}

/** Whether a genre is another one or lies within it. */
export function isWithin(name: string, other: string): boolean {
  return name === other || name.startsWith(`${other}/`);
}

/** The order of names by their characters, as the native program has it. */
export function byName(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const apart = left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!;
    if (apart !== 0) return apart;
  }
  return left.length - right.length;
}
