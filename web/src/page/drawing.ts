const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with its attributes and what lies in it. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number> = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** An HTML element likewise. */
export function html<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Record<string, string | number>, children: (Node | string)[]): E {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Corners of the shapes that tell genres of one colour apart; the first is a circle (`src/report/canvas.rs`). */
const SHAPES = [
  null,
  [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  [[0, -1.25], [1.2, 0.9], [-1.2, 0.9]],
  [[0, -1.3], [1.2, 0], [0, 1.3], [-1.2, 0]],
  [[0, 1.25], [1.2, -0.9], [-1.2, -0.9]],
] as const;

/** Colours of genres, and shapes. */
const COLOURS = 8;

/** The shape of a genre by its number, about (0, 0), in its colour; of no genre a hollow circle (`class_style` of `src/report/style.rs`). */
export function shape(number: number | null, radius: number): SVGElement {
  if (number === null) return svg("circle", { r: radius * 0.9, class: "mark none" });
  const corners = SHAPES[(number + Math.floor(number / COLOURS)) % SHAPES.length];
  const look = { class: `mark c${number % COLOURS}` };
  if (!corners) return svg("circle", { r: radius, ...look });
  const points = corners.map(([x, y]) => `${round(x * radius)},${round(y * radius)}`);
  return svg("polygon", { points: points.join(" "), ...look });
}

/** The sign of a genre, for a line of text. */
export function marker(number: number | null): SVGSVGElement {
  return svg("svg", { viewBox: "-8 -8 16 16", class: "marker", "aria-hidden": "true" }, shape(number, 5.2));
}

/** A hundredth of a pixel is enough. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A time as players show it: `1:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Calls `draw` with the width of an element in pixels, now and whenever it changes, until it is called anew for the element or ended. */
export function onWidth(element: Element, draw: (width: number) => void): { close(): void } {
  drawn.get(element)?.();
  let width = 0;
  const observer = new ResizeObserver(() => {
    const now = Math.round(element.clientWidth);
    if (now === width || now === 0) return;
    width = now;
    draw(width);
  });
  observer.observe(element);
  const close = () => observer.disconnect();
  drawn.set(element, close);
  return { close };
}

const drawn = new WeakMap<Element, () => void>();
