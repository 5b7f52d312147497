/** The device, the bundle and what listens with them: opened once, and again when the device is lost. */

import { Comparer } from "../genres/comparer.ts";
import { comparisonOf } from "../genres/comparison.ts";
import type { Comparison } from "../genres/vectors.ts";
import { Listener } from "../listen.ts";
import { openBundle, type Bundle } from "../runtime/bundle.ts";
import { openDevice, type Device } from "../runtime/device.ts";
import { DeviceLost } from "../runtime/program.ts";
import { PlainError } from "../words.ts";
import { keptFiles } from "./kept_files.ts";
import { announce, changed, dismiss, notify, state } from "./state.ts";

export interface Engine {
  device: Device;
  bundle: Bundle;
  listener: Listener;
  comparer: Comparer;
  comparison: Comparison;
}

/** Losses in a row after which the page no longer opens a new device by itself. */
const MOST_LOSSES = 3;
/** Milliseconds without a loss after which they no longer count as in a row. */
const CALM = 60_000;

/** Milliseconds that a new device is waited for, and between two tries. */
const PATIENCE = 5000;
const PAUSE = 250;
/** What whoever needs a device is told where there is none any more. */
const NONE = "There is no graphics device to hear it with: press “Try again” above, then give it again.";

let engine: Promise<Engine> | null = null;
let bundle: Bundle | null = null;
let losses: number[] = [];
let whenNew: (engine: Engine) => void = () => undefined;

/** Calls `use` with every engine that is opened, first and after a loss. */
export function onEngine(use: (engine: Engine) => void): void {
  whenNew = use;
}

/** The engine that works now. It may be lost while it is used: what then fails is tried again with the next one. Where
 * none could be opened, or too many went away, there is none until a person asks for it. */
export function theEngine(): Promise<Engine> {
  engine ??= open();
  return engine;
}

/** The bundle, which stays when a device goes away. */
export async function theBundle(): Promise<Bundle> {
  return bundle ?? (await theEngine()).bundle;
}

/** Loads what is missing, and makes it ready on a device. */
async function prepare(device: Device): Promise<Engine> {
  const tell = (text: string) => {
    const show = (done: number | null) => {
      state.work = { text, done, cancel: null };
      changed();
    };
    show(null);
    return (done: number, all: number) => show(done / all);
  };
  if (!bundle) {
    const files = keptFiles(new URL("bundle/", document.baseURI));
    bundle = await openBundle(files, tell("Getting ready: loading the program"));
    await files.settle();
  }
  state.model = bundle.manifest.model.hash;
  state.bandHz = bundle.manifest.hearing.band_hz;
  const listener = await Listener.open(device, bundle, tell("Getting ready: preparing your graphics device"));
  const comparer = await Comparer.open(device, bundle);
  return { device, bundle, listener, comparer, comparison: comparisonOf(bundle) };
}

async function open(): Promise<Engine> {
  for (;;) {
    const device = await anyDevice();
    const made = await prepare(device).catch((error: unknown) => {
      device.gpu.destroy();
      // One that goes away meanwhile gives way to the next.
      if (!(error instanceof DeviceLost) || tooMany()) throw error;
    });
    if (!made) continue;
    state.work = null;
    void device.lost.then(lost);
    whenNew(made);
    return made;
  }
}

/** A device. After a loss it is waited for: a browser has none for a moment after what computed for it has crashed. */
async function anyDevice(): Promise<Device> {
  const since = Date.now();
  for (;;) {
    try {
      return await openDevice();
    } catch (error) {
      if (losses.length === 0 || Date.now() - since > PATIENCE) throw error;
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }
}

/** Counts a loss, and tells whether there were too many in a row. */
function tooMany(): boolean {
  const now = Date.now();
  losses = [...losses.filter((then) => now - then < CALM), now];
  return losses.length > MOST_LOSSES;
}

/** Says that the device went away, and opens the next one. */
function lost(reason: string): void {
  engine = null;
  const why = reason ? ` (${reason})` : "";
  if (tooMany()) {
    const text = `The graphics device has gone away ${losses.length} times${why}. Close other programs that use it, then try again.`;
    notify("device", text, "warn", { text: "Try again", run: again });
    engine = Promise.reject(new PlainError(NONE));
    // Whoever asks for it is told.
    engine.catch(() => undefined);
    return;
  }
  notify("device", `The graphics device went away${why}. A new one is being opened; nothing of yours is lost.`, "warn");
  announce("The graphics device went away. A new one is being opened.");
  reopen();
}

function again(): void {
  losses = [];
  dismiss("device");
  reopen();
}

function reopen(): void {
  engine = open().catch((error: unknown) => {
    state.work = null;
    const reason = error instanceof PlainError ? error.message : String(error);
    const kept = state.unkept ? "" : "; your genres are kept";
    const text = `No new graphics device could be opened. Try again, or close the browser and open it again${kept}. The reason: ${reason}`;
    notify("device", text, "warn", { text: "Try again", run: again });
    throw new PlainError(NONE);
  });
  engine.then(
    () => notify("device", "The graphics device went away for a moment. A new one was opened, and all goes on."),
    () => undefined,
  );
}
