/** The files that wait to be heard, one after the other, with progress, a way to stop, and a line for each that fails. */

import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Heard } from "../listen.ts";
import { DeviceLost } from "../runtime/program.ts";
import { decode } from "../sound/decode.ts";
import { PlainError } from "../words.ts";
import { count, title } from "./elements.ts";
import { theEngine } from "./engine.ts";
import { announce, changed, problem, state } from "./state.ts";

/** A file that was heard. */
export interface Result {
  sound: Blob;
  heard: Heard;
  /** BLAKE3 of the file. */
  hash: string;
  /** Whether only its beginning was heard. */
  cut: boolean;
}

/** A file that is to be heard. */
export interface Job {
  name: string;
  sound: () => Promise<Blob>;
  /** Whether it is still to be heard when its turn comes. */
  wanted: () => boolean;
  /** Takes what was heard. What it throws is a line among the problems. */
  done: (result: Result) => Promise<void>;
}

/** Losses of the device that one file may meet before it is left out. */
const TRIES = 3;
/** Files after which a screen reader is told how many are done. */
const TOLD = 10;

const waiting: Job[] = [];
let finished = 0;
let failed = 0;
let running: AbortController | null = null;

/** Has files heard after those that wait already. */
export function enqueue(jobs: readonly Job[]): void {
  waiting.push(...jobs);
  if (running === null && waiting.length > 0) void run();
}

function stop(): void {
  running?.abort();
  waiting.length = 0;
}

async function run(): Promise<void> {
  const stopping = new AbortController();
  running = stopping;
  finished = failed = 0;
  announce(`Listening to ${count(waiting.length, "song")}.`);
  // What is given after it was stopped is not part of this run.
  while (!stopping.signal.aborted) {
    const job = waiting.shift();
    if (!job) break;
    if (!job.wanted()) continue;
    try {
      await one(job, stopping.signal);
    } catch (error) {
      if (stopping.signal.aborted) break;
      failed += 1;
      problem(job.name, error instanceof PlainError ? error.message : `It met a fault of this page (${String(error)}).`);
      if (!(error instanceof PlainError)) console.error(error);
    }
    finished += 1;
    if (finished % TOLD === 0 && waiting.length > 0) announce(`${finished} of ${finished + waiting.length} done.`);
  }
  running = null;
  state.work = null;
  changed();
  const heard = count(finished - failed, "song");
  const rest = failed > 0 ? `, ${failed} could not be used` : "";
  announce(stopping.signal.aborted ? `Stopped; ${heard} heard.` : `Done: ${heard} heard${rest}.`);
  // What was added between the last look and now.
  if (waiting.length > 0) void run();
}

function show(job: Job, part: number): void {
  const all = finished + waiting.length + 1;
  const which = all > 1 ? ` (${finished + 1} of ${all})` : "";
  state.work = { text: `Listening to ${title(job.name)}${which}`, done: (finished + part) / all, cancel: stop };
  changed();
}

async function one(job: Job, signal: AbortSignal): Promise<void> {
  show(job, 0);
  for (let tries = 1; ; tries += 1) {
    try {
      await job.done(await listen(job, signal));
      return;
    } catch (error) {
      if (!(error instanceof DeviceLost) || signal.aborted) throw error;
      if (tries === TRIES) throw new PlainError("The graphics device went away each time it was heard. Try it alone.");
    }
  }
}

async function listen(job: Job, signal: AbortSignal): Promise<Result> {
  const engine = await theEngine();
  const { sample_rate: rate, max_seconds: most } = engine.bundle.manifest.hearing;
  const sound = await job.sound();
  const decoded = await decode(sound, rate, most, signal);
  show(job, 0.1);
  const hash = await hashOf(sound, signal);
  show(job, 0.2);
  const progress = (done: number, all: number) => show(job, 0.2 + (0.8 * done) / all);
  return { sound, heard: await engine.listener.hear(decoded, progress, signal), hash, cut: decoded.cut };
}

/** BLAKE3 of a file, read in pieces. */
async function hashOf(sound: Blob, signal: AbortSignal): Promise<string> {
  const hasher = blake3.create();
  const PIECE = 1 << 20;
  for (let at = 0; at < sound.size; at += PIECE) {
    signal.throwIfAborted();
    hasher.update(new Uint8Array(await sound.slice(at, at + PIECE).arrayBuffer()));
  }
  return bytesToHex(hasher.digest());
}
