import type { Levels } from "../listen.ts";
import { LEVELS, magma } from "./colours.ts";
import { onWidth, resize, round, svg } from "./drawing.ts";
import { clock, element as html, set } from "./elements.ts";

/** Pixels left of the picture, for its Hz, and right of it, for half a time. */
const LEFT = 38;
const RIGHT = 14;
/** Above, for the mark of what decided, and below, for the times. */
const TOP = 22;
const BOTTOM = 24;
/** Widths from which on the picture is higher. */
const WIDE = 560;
const HEIGHTS = [150, 210] as const;
/** Pixels between the middles of two labels of an axis. */
const APART = 15;
const APART_TIMES = 64;
/** Seconds that keys move by. */
const STEP = 1;
const STRIDE = 10;
/** The share of the quietest values that have one colour. */
const QUIETEST = 0.02;
/** Seconds between two times of an axis. */
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** Where the playhead stands is for whoever plays. */
export interface Spectrogram {
  /** Moves the playhead to a second; null hides it. */
  at(second: number | null): void;
  close(): void;
}

/**
 * Draws the mel levels of a song: low tones below, time from left to right, what is louder brighter; the seconds that decided
 * are marked. A click, or a drag, and the keys of a slider ask for another second; Enter for the one where the deciding ones
 * begin. Replaces what is in `element`, and draws anew when its width changes.
 *
 * @param seconds that the levels span.
 * @param onPick is told a second to play from.
 * @param bandHz the centre of each band, ascending.
 */
export function drawSpectrogram(
  element: HTMLElement,
  levels: Levels,
  seconds: number,
  decided: { start: number; end: number } | null,
  onPick: (second: number) => void,
  bandHz: readonly number[],
): Spectrogram {
  const canvas = html("canvas", { "aria-hidden": "true" });
  const axes = svg("svg", { class: "axes", "aria-hidden": "true" });
  const playhead = html("div", { class: "playhead", hidden: true });
  const pointer = html("div", { class: "pointer", hidden: true });
  const field = html(
    "div",
    {
      class: "field",
      role: "slider",
      tabindex: 0,
      "aria-label": words(seconds, decided, bandHz),
      "aria-valuemin": 0,
      "aria-valuemax": round(seconds),
    },
    canvas,
    playhead,
    pointer,
  );
  const hasFocus = element.contains(document.activeElement);
  element.replaceChildren(html("figure", { class: "spectrogram" }, html("div", { class: "frame" }, axes, field), legend(levels, decided)));

  let second: number | null = null;
  let inner = 0;
  const at = (to: number | null) => {
    second = to === null ? null : Math.min(Math.max(to, 0), seconds);
    playhead.hidden = second === null;
    playhead.style.transform = `translateX(${round(((second ?? 0) / seconds) * inner)}px)`;
    set(field, "aria-valuenow", round(second ?? 0));
    const within = second !== null && decided !== null && second >= decided.start && second < decided.end;
    set(field, "aria-valuetext", `${clock(second ?? 0)} of ${clock(seconds)}${within ? ", decided here" : ""}`);
  };
  const pick = (to: number) => {
    at(to);
    onPick(second!);
  };

  const draw = (width: number) => {
    const height = HEIGHTS[width >= WIDE ? 1 : 0];
    inner = width - LEFT - RIGHT;
    field.style.inset = `${TOP}px ${RIGHT}px auto ${LEFT}px`;
    field.style.height = `${height}px`;
    paint(canvas, levels, inner, height);
    resize(axes, width, TOP + height + BOTTOM);
    axes.replaceChildren(...frequencies(bandHz, height), ...times(seconds, inner, height), ...mark(seconds, decided, inner, height));
    at(second);
  };

  const secondAt = (event: PointerEvent) => {
    const box = field.getBoundingClientRect();
    return (Math.min(Math.max(event.clientX - box.x, 0), box.width) / box.width) * seconds;
  };
  field.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    field.setPointerCapture(event.pointerId);
    pick(secondAt(event));
  });
  field.addEventListener("pointermove", (event) => {
    if (field.hasPointerCapture(event.pointerId)) pick(secondAt(event));
    const there = secondAt(event);
    pointer.hidden = event.pointerType === "touch";
    pointer.textContent = `${clock(there)} · ${hertz(bandAt(event, field, bandHz))} Hz`;
    const half = pointer.offsetWidth / 2;
    pointer.style.transform = `translateX(${round(Math.min(Math.max((there / seconds) * inner, half), inner - half) - half)}px)`;
  });
  field.addEventListener("pointerleave", () => (pointer.hidden = true));
  field.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const from = second ?? 0;
    const to: Record<string, number> = {
      ArrowLeft: from - STEP,
      ArrowDown: from - STEP,
      ArrowRight: from + STEP,
      ArrowUp: from + STEP,
      PageDown: from - STRIDE,
      PageUp: from + STRIDE,
      Home: 0,
      End: seconds,
      Enter: decided?.start ?? 0,
    };
    if (!(event.key in to)) return;
    event.preventDefault();
    pick(to[event.key]!);
  });
  at(null);
  if (hasFocus) field.focus();
  return { at, ...onWidth(element, draw) };
}

/** What the picture shows, in words. */
function words(seconds: number, decided: { start: number; end: number } | null, bandHz: readonly number[]): string {
  const range = `${hertz(bandHz[0] ?? 0)} to ${hertz(bandHz.at(-1) ?? 0)} Hz`;
  const why = decided ? ` What decided: ${clock(decided.start)} to ${clock(decided.end)}.` : "";
  return `Position in the song. Behind it the song's sound over ${clock(seconds)}, from ${range}.${why}`;
}

function legend(levels: Levels, decided: object | null): HTMLElement {
  const bar = html("canvas", { width: LEVELS, height: 1, "aria-hidden": "true" });
  const pixels = new ImageData(LEVELS, 1);
  new Uint32Array(pixels.data.buffer).set(magma);
  bar.getContext("2d")!.putImageData(pixels, 0, 0);
  const entries = [html("li", {}, "quiet", bar, "loud")];
  if (decided) entries.push(html("li", {}, html("i", { class: "decided" }), "decided"));
  if (levels.values.some(Number.isNaN)) entries.push(html("li", {}, html("i", { class: "gap" }), "not listened to"));
  return html("ul", { class: "legend" }, ...entries);
}

/** One colour for each pixel of the screen: the mean of the columns in it; where nothing was heard none. */
function paint(canvas: HTMLCanvasElement, { bands, frames, values }: Levels, width: number, height: number): void {
  const density = globalThis.devicePixelRatio || 1;
  const [across, down] = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
  canvas.width = across;
  canvas.height = down;
  const [low, high] = range(values);
  const pixels = new ImageData(across, down);
  const colours = new Uint32Array(pixels.data.buffer);
  for (let x = 0; x < across; x++) {
    const first = Math.floor((x * frames) / across);
    const end = Math.max(first + 1, Math.floor(((x + 1) * frames) / across));
    const column = Uint32Array.from({ length: bands }, (_, band) => {
      let [sum, count] = [0, 0];
      for (let frame = first; frame < end; frame++) {
        const value = values[band * frames + frame]!;
        if (Number.isFinite(value)) [sum, count] = [sum + value, count + 1];
      }
      const part = Math.min(Math.max((sum / count - low) / (high - low), 0), 1);
      return count > 0 ? magma[Math.round(part * (LEVELS - 1))]! : 0;
    });
    for (let y = 0; y < down; y++) colours[y * across + x] = column[bands - 1 - Math.floor((y * bands) / down)]!;
  }
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}

/** The values of the darkest and the brightest colour. */
function range(values: Float32Array): [number, number] {
  const sorted = values.filter(Number.isFinite).sort();
  const [low, high] = [sorted[Math.floor(QUIETEST * sorted.length)] ?? 0, sorted.at(-1) ?? 1];
  return high - low > 1e-6 * Math.max(Math.abs(low), Math.abs(high)) ? [low, high] : [low, low + 1];
}

/** Round frequencies where they belong between the centres of the bands, the roundest first as far as there is room. */
function frequencies(bandHz: readonly number[], height: number): SVGElement[] {
  const ticks: { y: number; text: string }[] = [];
  for (const factor of [1, 5, 2]) {
    for (const power of [1000, 100, 10_000, 10, 100_000]) {
      const band = bandOf(bandHz, factor * power);
      if (band === null) continue;
      const y = height * (1 - (band + 0.5) / bandHz.length);
      if (ticks.every((other) => Math.abs(other.y - y) >= APART)) ticks.push({ y, text: hertz(factor * power) });
    }
  }
  const drawn = ticks.flatMap(({ y, text }) => [
    svg("line", { x1: LEFT - 4, x2: LEFT, y1: round(TOP + y), y2: round(TOP + y) }),
    svg("text", { x: LEFT - 7, y: round(TOP + y + 4), class: "end" }, text),
  ]);
  return [...drawn, svg("text", { x: LEFT - 7, y: TOP - 8, class: "end" }, "Hz")];
}

/** Where a frequency stands among the bands, in bands from the lowest one's centre; null outside them. */
function bandOf(bandHz: readonly number[], frequency: number): number | null {
  const above = bandHz.findIndex((centre) => centre >= frequency);
  const upper = Math.min(Math.max(above < 0 ? bandHz.length : above, 1), bandHz.length - 1);
  const [a, b] = [bandHz[upper - 1], bandHz[upper]];
  if (a === undefined || b === undefined || !(b > a)) return null;
  const place = upper - 1 + (frequency - a) / (b - a);
  return place >= -0.5 && place <= bandHz.length - 0.5 ? place : null;
}

/** The frequency of the band under a pointer. */
function bandAt(event: PointerEvent, field: Element, bandHz: readonly number[]): number {
  const box = field.getBoundingClientRect();
  const band = Math.floor((1 - (event.clientY - box.y) / box.height) * bandHz.length);
  return bandHz[Math.min(Math.max(band, 0), bandHz.length - 1)] ?? 0;
}

function hertz(frequency: number): string {
  return frequency >= 1000 ? `${Math.round(frequency / 100) / 10}k` : String(Math.round(frequency));
}

function times(seconds: number, inner: number, height: number): SVGElement[] {
  const least = (seconds * APART_TIMES) / Math.max(inner, 1);
  const step = TIMES.find((step) => step >= least) ?? Math.ceil(least / 3600) * 3600;
  const ticks = Array.from({ length: Math.floor(seconds / step + 1e-6) + 1 }, (_, tick) => tick * step);
  return ticks.flatMap((time) => {
    const x = round(LEFT + (time / seconds) * inner);
    return [
      svg("line", { x1: x, x2: x, y1: TOP + height, y2: TOP + height + 4 }),
      svg("text", { x, y: TOP + height + 18, class: "middle" }, clock(time)),
    ];
  });
}

/** A bracket over the seconds that decided. */
function mark(seconds: number, decided: { start: number; end: number } | null, inner: number, height: number): SVGElement[] {
  if (!decided) return [];
  const [left, right] = [decided.start, Math.min(decided.end, seconds)].map((time) => round(LEFT + (time / seconds) * inner)) as [number, number];
  return [
    svg("rect", { x: left, y: TOP - 7, width: Math.max(right - left, 3), height: 5, rx: 2, class: "decided" }),
    svg("path", { d: `M${left} ${TOP}v${height}M${right} ${TOP}v${height}`, class: "edge" }),
    svg("path", { d: `M${left} ${TOP}v${height}M${right} ${TOP}v${height}`, class: "edge inner" }),
  ];
}
