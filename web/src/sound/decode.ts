import { PlainError } from "../words.ts";
import { excerpt } from "./excerpt.ts";
import { encoderDelay, mp4Seconds } from "./mp4.ts";

/** What is heard of a file. */
export interface Sound {
  /** Mono, full scale is 1. */
  samples: Float32Array<ArrayBuffer>;
  seconds: number;
  /** Whether it is only the beginning of the file. */
  cut: boolean;
}

/** The resampler and encoders reach a little beyond the end. */
const MARGIN_SECONDS = 2;
/** Bytes that no page is given. */
const HUGE = 2 ** 30;
/** A browser decodes all of a file at once, 23 MB for a minute of two channels. */
const MOST_SECONDS = 3600;
/** Bytes of a file that does not say how long it is: an hour of 75 kbit/s. */
const MOST_UNTOLD = 2 ** 25;
/** How long a browser is waited for to say the length of a file, in milliseconds. */
const PATIENCE = 3000;
/** As in src/audio/silence.rs: less than the smallest step of 24 bits, and what is left of channels that cancel. */
const NOTHING = 1e-7;
const REMAINS = 1e-4;
/** As in src/audio/error.rs. */
const LOUDEST = 1e9;

/**
 * Decodes a file by the browser to mono samples at a rate in Hz: the mean of its channels.
 *
 * @param mostSeconds how much of a longer file is heard.
 * @throws PlainError: why nothing is heard of it, to be read behind its name; what the signal was aborted with.
 */
export async function decode(file: Blob, rate: number, mostSeconds: number, signal?: AbortSignal): Promise<Sound> {
  signal?.throwIfAborted();
  if (file.size === 0) throw new PlainError("It is empty (0 bytes). Save or download it again.");
  const begun = await excerpt(file, mostSeconds + MARGIN_SECONDS, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    return unreadable(error);
  });
  const part = begun ?? file;
  refuseTooLarge(part, part === file ? "It is" : "Even the beginning of it, which is heard, is");
  if (!begun) await refuseTooLong(file, signal);
  const bytes = await part.arrayBuffer().catch(unreadable);
  signal?.throwIfAborted();
  const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes).catch(() => {
    throw new PlainError(
      "This browser cannot play it: it is damaged, no sound, or of a kind that the browser does not know. " +
        "If another player can, save it there as MP3, FLAC or WAV.",
    );
  });
  signal?.throwIfAborted();
  const delay = Math.round((await encoderDelay(file).catch(unreadable)) * rate);
  const most = Math.max(Math.floor(mostSeconds * rate), 1 + delay);
  const samples = new Float32Array(Math.min(delay + buffer.length, most));
  addChannels(buffer, samples.subarray(delay));
  return { samples, seconds: samples.length / rate, cut: part !== file || delay + buffer.length > most };
}

function unreadable(error: unknown): never {
  throw new PlainError(`It cannot be read (${String(error)}). It may have been moved or changed: choose it again.`);
}

/** Adds the mean of the channels to samples. */
function addChannels(buffer: AudioBuffer, samples: Float32Array): void {
  const { length } = samples;
  if (length === 0) throw new PlainError("It has no sound in it. Save or download it again.");
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, k) => buffer.getChannelData(k).subarray(0, length));
  let [peak, all] = [0, 0];
  for (const channel of channels) {
    channel.forEach((sample, k) => {
      peak = Math.max(peak, Math.abs(sample));
      all += (sample * sample) / channels.length;
      samples[k]! += sample / channels.length;
    });
  }
  if (!(peak <= LOUDEST)) throw new PlainError("It has samples that are no numbers, or far too loud. Export it again.");
  if (peak <= NOTHING) throw new PlainError("It is silent.");
  const left = samples.reduce((sum, sample) => sum + sample * sample, 0);
  if (left <= REMAINS * all) throw new PlainError("It is silent in mono: its channels cancel. Keep one of them.");
}

const ADVICE = "Save the part that you mean as MP3 or WAV, of which this page reads only the beginning.";

function refuseTooLarge(part: Blob, what: string): void {
  if (part.size > HUGE) throw new PlainError(`${what} too large (${Math.round(part.size / 1e6)} MB). ${ADVICE}`);
}

/** Asks how long a file is that is decoded as a whole, and refuses it before memory runs out: small ones may be long. */
async function refuseTooLong(file: Blob, signal?: AbortSignal): Promise<void> {
  const seconds = (await mp4Seconds(file).catch(unreadable)) || (await duration(file, signal));
  if (Number.isFinite(seconds)) {
    if (seconds > MOST_SECONDS) throw new PlainError(`It is too long (${Math.round(seconds / 60)} minutes). ${ADVICE}`);
  } else if (file.size > MOST_UNTOLD) {
    const why = seconds === Infinity ? "It does not say" : "This browser did not find out";
    throw new PlainError(`${why} how long it is, and it is large (${Math.round(file.size / 1e6)} MB). ${ADVICE}`);
  }
}

/**
 * The length of a file in seconds: Infinity if it does not say, NaN if the browser did not find out in time; 0 if it cannot be
 * played, which decoding tells.
 */
async function duration(file: Blob, signal?: AbortSignal): Promise<number> {
  signal?.throwIfAborted();
  const player = new Audio();
  const url = URL.createObjectURL(file);
  const over = new AbortController();
  try {
    await new Promise<void>((done, fail) => {
      let timer = 0;
      const enough = () => !document.hidden || !Number.isNaN(player.duration) || file.size <= MOST_UNTOLD;
      const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => enough() && done(), PATIENCE);
      };
      wait();
      // In a tab that is not seen a browser may read nothing: time counts anew once it is seen.
      document.addEventListener("visibilitychange", wait, { signal: over.signal });
      signal?.addEventListener("abort", () => fail(signal.reason), { signal: over.signal });
      player.preload = "metadata";
      player.onerror = () => done();
      player.ondurationchange = () => Number.isFinite(player.duration) && done();
      // Of a recording that was written as it was made, a browser knows the length once it looked for the end.
      player.onloadedmetadata = () => {
        if (player.duration === Infinity) player.currentTime = 1e9;
      };
      player.src = url;
    });
    return player.error ? 0 : player.duration;
  } finally {
    over.abort();
    player.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}
