/** A figure that changes step by step, as lines in SVG. */

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 190;
const LEFT = 44;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 26;
/** What a step counts for in the strong line compared with the next one. */
const FADING = 0.87;

export type Point = [step: number, value: number];

/** A measurement of its own, with the interval that it may be off by. */
export interface Mark {
  step: number;
  value: number;
  low: number;
  high: number;
}

export interface ChartLook {
  /** Steps of the whole training. */
  steps: number;
  /** What guessing reaches. */
  guessing: number;
  /** The largest value at least. */
  high: number;
  /** Whether no value is larger. */
  fixed: boolean;
  /** A value in words, at an axis. */
  tick: (value: number) => string;
}

export class Chart {
  readonly root = node("svg", { class: "learn-chart", role: "img" });
  #points: Point[] = [];
  #marks: Mark[] = [];
  #look: ChartLook | null = null;
  readonly #watch = new ResizeObserver(() => this.draw());

  constructor(label: string) {
    this.say(label);
    this.#watch.observe(this.root);
  }

  /** What a screen reader says of it. */
  say(label: string): void {
    this.root.setAttribute("aria-label", label);
  }

  begin(look: ChartLook): void {
    this.#look = look;
    this.#points = [];
    this.#marks = [];
    this.draw();
  }

  add(points: Point[]): void {
    this.#points.push(...points);
  }

  /** Drawn as a dot and a bar. */
  mark(mark: Mark): void {
    this.#marks.push(mark);
  }

  /** The fading mean of the last steps; not a number before the first. */
  get latest(): number {
    return smoothed(this.#points).at(-1)?.[1] ?? Number.NaN;
  }

  draw(): void {
    const look = this.#look;
    const width = this.root.clientWidth;
    if (!look || width === 0) return;
    const { steps, guessing, fixed, tick } = look;
    const values = this.#points.map(([, value]) => value).filter(Number.isFinite);
    const high = fixed ? look.high : Math.max(look.high, ...values) * 1.04;
    const x = (step: number) => LEFT + (step / steps) * (width - LEFT - RIGHT);
    const y = (value: number) => HEIGHT - BOTTOM - (value / high) * (HEIGHT - TOP - BOTTOM);
    const line = (points: Point[], kind: string) => {
      const finite = points.filter(([, value]) => Number.isFinite(value));
      const d = finite.map(([step, value], k) => `${k ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      return node("path", { d, class: kind });
    };
    const drawn: Element[] = [];
    for (const value of ticks(high)) {
      drawn.push(node("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: "rule" }));
      drawn.push(text(LEFT - 8, y(value) + 4, "end", tick(value)));
    }
    for (const step of [0, steps / 2, steps]) {
      drawn.push(text(x(step), HEIGHT - 6, step === 0 ? "start" : step === steps ? "end" : "middle", `${Math.round(step)}`));
    }
    drawn.push(node("line", { x1: LEFT, x2: width - RIGHT, y1: y(guessing), y2: y(guessing), class: "guessing" }));
    const below = y(guessing) + 16 < HEIGHT - BOTTOM;
    drawn.push(text(width - RIGHT, y(guessing) + (below ? 15 : -6), "end", "guessing"));
    drawn.push(line(this.#points, "each"), line(smoothed(this.#points), "mean"));
    for (const { step, value, low, high } of this.#marks) {
      drawn.push(node("line", { x1: x(step), x2: x(step), y1: y(low), y2: y(high), class: "apart" }));
      drawn.push(node("circle", { cx: x(step), cy: y(value), r: 4.5, class: "apart" }));
    }
    this.root.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.root.replaceChildren(...drawn);
  }

  close(): void {
    this.#watch.disconnect();
  }
}

/** Means over all steps so far at each step, in which older ones fade. */
function smoothed(points: Point[]): Point[] {
  let [sum, weight] = [0, 0];
  return points.map(([step, value]) => {
    sum = FADING * sum + value;
    weight = FADING * weight + 1;
    return [step, sum / weight];
  });
}

/** Round values from 0 on, about four of them. */
function ticks(high: number): number[] {
  const rough = high / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999)!;
  return Array.from({ length: Math.floor(high / step + 1e-6) + 1 }, (_, k) => k * step);
}

function text(x: number, y: number, anchor: string, words: string): Element {
  const made = node("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

export function node(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
