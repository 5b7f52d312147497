// Which parts of a file are heard, and their samples: as src/mel/framer.rs and src/features/segment.rs of the crate have it.

import type { Hearing } from "../runtime/bundle.ts";
import { PlainError } from "../words.ts";

/** One segment of a file. */
export interface Segment {
  /** Its first frame within the file. */
  first: number;
  /** How many of its frames the file has; the rest is silence. */
  present: number;
}

/** Samples before the first sample and behind the last: frame t is centred on sample `t * hop_length`. */
function padding(hearing: Hearing): number {
  return Math.floor(hearing.n_fft / 2);
}

/** Frames of so many samples. */
export function frameCount(samples: number, hearing: Hearing): number {
  const whole = samples + 2 * padding(hearing) - hearing.n_fft;
  return whole < 0 ? 0 : 1 + Math.floor(whole / hearing.hop_length);
}

/** Samples of a segment, with those that its first and last frame reach beyond their middles. */
export function segmentSamples(hearing: Hearing): number {
  return (hearing.frames - 1) * hearing.hop_length + hearing.n_fft;
}

/** The time of a frame in seconds. */
export function frameSeconds(frame: number, hearing: Hearing): number {
  return (frame * hearing.hop_length) / hearing.sample_rate;
}

/**
 * The segments of a file of so many frames that are heard. A rest of at least half a segment gives a last one that ends
 * with the file; a file shorter than a segment gives one that is filled up with silence.
 */
export function segments(frames: number, { frames: length, hop }: Hearing): Segment[] {
  if (frames === 0) return [];
  const found: Segment[] = [];
  for (let first = 0; first + length <= frames; first += hop) found.push({ first, present: length });
  const last = found.at(-1);
  if (!last) return [{ first: 0, present: frames }];
  const rest = frames - (last.first + length);
  if (2 * rest >= length) found.push({ first: frames - length, present: length });
  return found;
}

/**
 * Writes the samples of a segment, {@link segmentSamples} of them, of the padded signal.
 *
 * @throws PlainError: too short to be mirrored at its ends.
 */
export function fillSegment(block: Float32Array, samples: Float32Array, first: number, hearing: Hearing): void {
  const pad = padding(hearing);
  const mirrored = hearing.pad === "reflect";
  if (mirrored && samples.length <= pad) throw new PlainError("It is too short to be heard.");
  // The place in the signal of the block's first sample.
  const start = first * hearing.hop_length - pad;
  const from = Math.max(start, 0);
  const to = Math.min(start + block.length, samples.length);
  block.fill(0);
  if (to > from) block.set(samples.subarray(from, to), from - start);
  if (!mirrored) return;
  for (let k = start; k < Math.min(0, start + block.length); k += 1) block[k - start] = samples[-k]!;
  const last = samples.length - 1;
  const end = Math.min(start + block.length, samples.length + pad);
  for (let k = Math.max(samples.length, start); k < end; k += 1) block[k - start] = samples[2 * last - k]!;
}
