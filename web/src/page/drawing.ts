import { set } from "./elements.ts";

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An SVG element with its attributes and what lies in it. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number> = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) set(made, key, value);
  made.append(...children);
  return made;
}

/** Makes a picture as large as this, a unit of it a pixel. */
export function resize(picture: SVGSVGElement, width: number, height: number): void {
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) set(picture, key, value);
}

/** A hundredth of a pixel is enough. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const observers = new WeakMap<Element, ResizeObserver>();

/** Calls `draw` with the width of an element in pixels, now and whenever it changes, until it is called anew for the element or closed. */
export function onWidth(element: Element, draw: (width: number) => void): { close(): void } {
  observers.get(element)?.disconnect();
  let width = 0;
  const look = () => {
    const now = Math.floor(element.clientWidth);
    if (now === width || now === 0) return;
    width = now;
    draw(width);
  };
  const observer = new ResizeObserver(look);
  observer.observe(element);
  observers.set(element, observer);
  look();
  return { close: () => observer.disconnect() };
}
