/** Small functions that build what the page shows. Text goes in as text alone, so that names of files cannot bite. */

type Child = Node | string | null | false | undefined;
type Property = string | number | boolean | null | undefined | ((event: any) => void);

/** An element. Functions listen (`onclick`), true and false set or leave an attribute out, all else is its value. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Record<string, Property> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else set(made, name, value);
  }
  made.append(...children.filter((child): child is Node | string => typeof child === "string" || child instanceof Node));
  return made;
}

/** Sets an attribute, and leaves alone what already is so. */
export function set(of: Element, name: string, value: string | number | boolean | null | undefined): void {
  if (value === false || value === null || value === undefined) {
    if (of.hasAttribute(name)) of.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (of.getAttribute(name) !== text) of.setAttribute(name, text);
}

/** Sets an element's text, and leaves it alone where it already is so. */
export function say(of: Element, text: string): void {
  if (of.textContent !== text) of.textContent = text;
}

const SVG = "http://www.w3.org/2000/svg";

/** Paths in a square of 20 by 20. */
const ICONS = {
  play: "M6 3.5v13l10.5-6.5z",
  pause: "M5.5 3.5h3v13h-3zM11.5 3.5h3v13h-3z",
  plus: "M10 4v12M4 10h12",
  pencil: "M4 16l.8-3.4L13 4.4l2.6 2.6-8.2 8.2zM11.4 6l2.6 2.6",
  bin: "M4 5.5h12M8 5.5V3.7h4v1.8M5.5 5.5l.8 11h7.4l.8-11M8.4 8.6v5M11.6 8.6v5",
  close: "M5 5l10 10M15 5L5 15",
  down: "M5 7.5l5 5 5-5",
  folder: "M3 16V4.5h5l1.6 2H17V16z",
  note: "M7.5 15V4.5l8-1.5v10.5M7.5 15a2.3 2 0 1 1-4.6 0 2.3 2 0 1 1 4.6 0zM15.5 13.5a2.3 2 0 1 1-4.6 0 2.3 2 0 1 1 4.6 0z",
  save: "M10 3v9.5M6 9l4 4 4-4M4 16.5h12",
  open: "M10 13V3.5M6 7l4-4 4 4M4 16.5h12",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  const filled = name === "play" || name === "pause";
  return svg(20, filled ? "icon filled" : "icon", ICONS[name]);
}

function svg(side: number, kind: string, path: string): SVGSVGElement {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${side} ${side}`);
  picture.setAttribute("class", kind);
  picture.setAttribute("aria-hidden", "true");
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", path);
  picture.append(drawn);
  return picture;
}

/** The shapes that tell apart genres of one colour, in a square of 16 by 16; as gamaka's reports draw them. */
const MARKERS = [
  "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z",
  "M3 3h10v10H3z",
  "M8 2.2L14 13H2z",
  "M8 1.6L14.4 8 8 14.4 1.6 8z",
  "M8 13.8L2 3h12z",
];

/** Colour and shape of a genre by its number: 40 pairs, neighbours differ in both. */
export function marker(number: number | null): SVGSVGElement {
  if (number === null) return svg(16, "marker none", MARKERS[0]!);
  return svg(16, `marker c${number % 8}`, MARKERS[(number + Math.floor(number / 8)) % 5]!);
}

/** A button of words, with an icon before them if one is given. */
export function button(text: string, kind: string, pressed: () => void, mark?: IconName): HTMLButtonElement {
  return element("button", { type: "button", class: kind, onclick: pressed }, mark && icon(mark), text);
}

/** A button of an icon alone, which says to a screen reader what it does. */
export function iconButton(mark: IconName, label: string, kind: string, pressed: () => void): HTMLButtonElement {
  return element("button", { type: "button", class: `bare ${kind}`, "aria-label": label, title: label, onclick: pressed }, icon(mark));
}

/** What shows one thing of a list. */
export interface Row<T> {
  root: HTMLElement;
  update(item: T): void;
}

/** Keeps one row for each thing, so that focus, open parts and players stay where they are while others come and go. */
export function rows<T>(parent: HTMLElement, key: (item: T) => string, make: (item: T) => Row<T>): (items: readonly T[]) => void {
  const shown = new Map<string, Row<T>>();
  return (items) => {
    const wanted = new Set(items.map(key));
    for (const [name, row] of shown) {
      if (wanted.has(name)) continue;
      keepFocus(row.root, parent);
      row.root.remove();
      shown.delete(name);
    }
    items.forEach((item, at) => {
      const name = key(item);
      let row = shown.get(name);
      if (!row) shown.set(name, (row = make(item)));
      if (parent.children[at] !== row.root) parent.insertBefore(row.root, parent.children[at] ?? null);
      row.update(item);
    });
  };
}

/** Before a row with the focus goes, the focus moves to what stands beside it. */
function keepFocus(leaving: HTMLElement, parent: HTMLElement): void {
  if (!leaving.contains(document.activeElement)) return;
  const beside = leaving.nextElementSibling ?? leaving.previousElementSibling;
  const next = beside?.querySelector<HTMLElement>("button, a, input, select") ?? parent.closest<HTMLElement>("section");
  next?.focus();
}

/** A genre's name, which may go on in the next line behind a `/`. */
export function parted(name: string): (string | HTMLElement)[] {
  return name.split("/").flatMap((part, at) => (at === 0 ? [part] : ["/", document.createElement("wbr"), part]));
}

/** `1 song`, `5 songs`. */
export function count(number: number, one: string, more = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : more}`;
}

/** Seconds as `1:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A probability as `84 %`; what rounds to 0 or 100 and is not, says so. */
export function percent(probability: number): string {
  if (probability > 0 && probability < 0.01) return "< 1 %";
  if (probability < 1 && probability > 0.99) return "> 99 %";
  return `${Math.round(100 * probability)} %`;
}

/** A file's name without its ending, for people. */
export function title(name: string): string {
  return name.replace(/\.[A-Za-z0-9]{1,5}$/, "") || name;
}

/** Bytes as `3.4 MB`. */
export function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
