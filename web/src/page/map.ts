import { type Place, placed } from "../genres/places.ts";
import { onWidth, resize, round, svg } from "./drawing.ts";
import { count, element as html, marker, set } from "./elements.ts";

/** A song on the map. */
export interface MapPoint {
  id: string;
  /** What the song is called. */
  name: string;
  /** The genre that it is an example of, or is taken for; null for none. */
  genre: string | null;
  /** The number of that genre, which its colour and shape go by; null for none. */
  number: number | null;
  /** Whether it is a song that was asked about, and no example. */
  asked: boolean;
  embedding: Float32Array;
}

/** Radius of a point in pixels, and of the ring about one that was asked about. */
const RADIUS = 6;
const RING = 11;
/** How far from a point a pointer still means it. */
const REACH = 24;
/** Free space about all points. */
const MARGIN = 30;
const LOWEST = 280;
const HIGHEST = 520;
/** How many nearest songs are told of each. */
const NEAREST = 3;
/** Songs asked about whose names are written, at most: of more none could be read. */
const NAMED = 12;
/** Songs that are drawn, at most: more could not be told apart, and would take long. */
const MOST = 900;

/**
 * Those of all songs that a map has room for, in their order: the first that were asked about, and of the examples as many of
 * each genre, evenly from first to last. The same every time.
 */
export function drawable(points: readonly MapPoint[]): readonly MapPoint[] {
  if (points.length <= MOST) return points;
  const chosen = new Set(points.filter((point) => point.asked).slice(0, MOST));
  const genres = new Map<string | null, MapPoint[]>();
  for (const point of points) {
    if (point.asked) continue;
    const own = genres.get(point.genre);
    if (own) own.push(point);
    else genres.set(point.genre, [point]);
  }
  // The room that small genres leave is for the larger ones.
  const groups = [...genres.values()].sort((a, b) => a.length - b.length);
  for (const [at, own] of groups.entries()) {
    const share = Math.min(own.length, Math.floor((MOST - chosen.size) / (groups.length - at)));
    for (let taken = 0; taken < share; taken++) chosen.add(own[Math.floor((taken * own.length) / share)]!);
  }
  return points.filter((point) => chosen.has(point));
}

/**
 * Draws songs as points, in the colours and shapes of their genres: those that sound alike lie together.
 *
 * Pointing at one, or moving there with arrow keys, tells its name and its nearest songs; a click, Enter or Space picks it.
 * Replaces what is in `element`, where a song keeps the focus, and draws anew when its width changes. Of very many songs it
 * draws some ({@link drawable}), and says so.
 *
 * @param distances between all points that are drawn, `[point][point]`; without them the cosine's.
 */
export function drawMap(
  element: HTMLElement,
  all: readonly MapPoint[],
  onPick: (id: string) => void,
  distances?: ArrayLike<number>[],
): { close(): void } {
  const points = drawable(all);
  distances ??= cosines(points);
  const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-id") : null;
  const places = placed(distances);
  const nearest = distances.map(nearestTo);
  const field = svg("svg", { role: "group", "aria-label": summary(points) });
  const tip = html("div", { class: "tip", hidden: true });
  const some = points.length < all.length && html("p", { class: "help" }, `${points.length.toLocaleString("en")} of ${count(all.length, "song")} are drawn: more could not be told apart.`);
  const help = html("p", { class: "help" }, "Songs that sound alike lie together. Pick one to hear it; the arrow keys move from one to another.");
  // Browsers let the keyboard stop at a picture that listens to its focus itself: what it lies in does.
  const frame = html("div", { class: "field" }, field, tip);
  element.replaceChildren(html("figure", { class: "song-map" }, frame, legend(points), some, help));
  if (points.length === 0) field.remove();

  let at: Place[] = [];
  let marks: SVGGElement[] = [];
  /** The point that the keyboard is at. */
  let current = points.findIndex((point) => point.id === focused);
  let hasFocus = current >= 0;
  if (!hasFocus) current = Math.max(0, points.findIndex((point) => point.asked));
  const lines = svg("g", { class: "lines", "aria-hidden": "true" });

  const show = (point: number | null) => {
    for (const [number, mark] of marks.entries()) mark.classList.toggle("shown", number === point);
    lines.replaceChildren();
    tip.hidden = point === null;
    field.classList.toggle("hit", point !== null);
    if (point === null) return;
    for (const other of nearest[point]!) {
      const [[x1, y1], [x2, y2]] = [at[point]!, at[other]!];
      lines.append(svg("line", { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2) }));
    }
    tell(tip, points[point]!, at[point]!, field.clientWidth);
  };
  const focus = (point: number) => {
    set(marks[current]!, "tabindex", -1);
    current = point;
    set(marks[point]!, "tabindex", 0);
    marks[point]!.focus();
  };

  const draw = (width: number) => {
    hasFocus ||= field.contains(document.activeElement);
    const height = Math.round(Math.min(HIGHEST, Math.max(LOWEST, 0.58 * width)));
    at = fitted(places, points, width, height);
    resize(field, width, height);
    marks = points.map((point, number) => mark(point, at[number]!, nearest[number]!.map((other) => points[other]!.name)));
    // Those that were asked about lie on top.
    const order = [...marks.keys()].sort((a, b) => Number(points[a]!.asked) - Number(points[b]!.asked));
    const labels = svg("g", { class: "labels", "aria-hidden": "true" });
    field.replaceChildren(lines, ...order.map((number) => marks[number]!), labels);
    label(labels, points, at, width, height);
    const own = marks[current];
    if (own) set(own, "tabindex", 0);
    if (hasFocus) own?.focus();
    else show(null);
    hasFocus = false;
  };

  const under = (event: MouseEvent) => {
    const box = field.getBoundingClientRect();
    return nearestPlace(at, [event.clientX - box.x, event.clientY - box.y]);
  };
  field.addEventListener("pointermove", (event) => show(under(event)));
  field.addEventListener("pointerleave", () => show(null));
  field.addEventListener("click", (event) => {
    const point = under(event);
    if (point === null) return;
    focus(point);
    onPick(points[point]!.id);
  });
  frame.addEventListener("focusin", (event) => {
    const point = marks.findIndex((mark) => mark === event.target);
    if (point >= 0) show(point);
  });
  frame.addEventListener("focusout", () => show(null));
  field.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") onPick(points[current]!.id);
    else {
      const next = moved(event.key, current, at);
      if (next === null) return;
      focus(next);
    }
    event.preventDefault();
  });
  return onWidth(element, draw);
}

/** What the map holds, in words. */
function summary(points: readonly MapPoint[]): string {
  const examples = points.filter((point) => !point.asked);
  const genres = new Set(examples.map((point) => point.genre)).size;
  const asked = points.length - examples.length;
  const more = asked > 0 ? ` and ${count(asked, "song")} asked about` : "";
  return `Map of ${count(examples.length, "example")} of ${count(genres, "genre")}${more}`;
}

/** The genres with their signs, by number. */
function legend(points: readonly MapPoint[]): HTMLElement {
  const genres = new Map(points.map(({ genre, number }) => [genre, number]));
  const listed = [...genres].sort(([, a], [, b]) => (a ?? Infinity) - (b ?? Infinity));
  const entries = listed.map(([genre, number]) => html("li", {}, marker(number), genre ?? "unknown"));
  if (points.some((point) => point.asked)) {
    const ring = svg("circle", { cx: 8, cy: 8, r: 6.5, class: "ring" });
    entries.push(html("li", {}, svg("svg", { viewBox: "0 0 16 16", class: "marker", "aria-hidden": "true" }, ring), "a song you asked about"));
  }
  return html("ul", { class: "legend" }, ...entries);
}

function mark(point: MapPoint, [x, y]: Place, near: string[]): SVGGElement {
  const what = point.asked ? (point.genre === null ? "unknown" : `taken for ${point.genre}`) : `example of ${point.genre}`;
  const label = near.length > 0 ? `${point.name}, ${what}. Nearest: ${near.join(", ")}` : `${point.name}, ${what}`;
  const attributes = { role: "button", tabindex: -1, "aria-label": label, "data-id": point.id, class: "point", transform: `translate(${round(x)} ${round(y)})` };
  const group = svg("g", attributes, svg("circle", { r: RING + 3, class: "halo" }));
  if (point.asked) group.append(svg("circle", { r: RING, class: "ring" }));
  const sign = marker(point.number);
  for (const [key, value] of Object.entries({ x: -8, y: -8, width: 16, height: 16 })) set(sign, key, value);
  group.append(sign);
  return group;
}

/** Fills the small window beside a point. */
function tell(tip: HTMLElement, point: MapPoint, [x, y]: Place, width: number): void {
  const genre = point.genre ?? "unknown";
  tip.replaceChildren(html("b", {}, point.name), html("span", {}, marker(point.number), point.asked ? genre : `example of ${genre}`));
  const left = Math.min(Math.max(x - tip.offsetWidth / 2, 0), Math.max(width - tip.offsetWidth, 0));
  const above = y - RING - 8 - tip.offsetHeight;
  tip.style.transform = `translate(${round(left)}px, ${round(above >= 0 ? above : y + RING + 8)}px)`;
}

/** Places in pixels; points that would hide one another are set apart. */
function fitted(places: Place[], points: readonly MapPoint[], width: number, height: number): Place[] {
  const [across, down] = [width - 2 * MARGIN, height - 2 * MARGIN];
  // A few of many that lie far off are drawn at the edge, or all others would have no room.
  const few = Math.floor(places.length / 100);
  const ends = ([0, 1] as const).map((axis) => {
    const values = places.map((place) => place[axis]).sort((a, b) => a - b);
    return [values[few]!, values[values.length - 1 - few]!] as const;
  });
  const spans = ends.map(([low, high]) => high - low);
  const grow = [across / Math.max(spans[0]!, 1e-9), down / Math.max(spans[1]!, 1e-9)] as const;
  // Distances far apart mean little: one axis may be drawn out to fill the width, but not without end.
  const least = Math.min(...grow);
  const scale = grow.map((value) => Math.min(value, 1.7 * least));
  const [middle, centre] = ends.map(([low, high]) => (low + high) / 2) as [number, number];
  const within = (value: number, size: number) => Math.min(Math.max(value, RING + 3), size - RING - 3);
  const at = places.map(([x, y]): Place => [
    within(width / 2 + (x - middle) * scale[0]!, width), within(height / 2 + (y - centre) * scale[1]!, height),
  ]);
  // Where there is no room to set all of them apart, they would but be mixed.
  const room = 0.6 * Math.sqrt((width * height) / at.length);
  for (let round = 0; round < 40; round++) {
    let isFree = true;
    for (let i = 0; i < at.length; i++) {
      for (let j = 0; j < i; j++) {
        const least = Math.min((points[i]!.asked ? RING : RADIUS) + (points[j]!.asked ? RING : RADIUS) + 2, room);
        let x = at[i]![0] - at[j]![0];
        let y = at[i]![1] - at[j]![1];
        if (x * x + y * y >= least * least) continue;
        let apart = Math.hypot(x, y);
        isFree = false;
        if (apart < 1e-6) [x, y, apart] = [Math.cos(2.4 * i), Math.sin(2.4 * i), 1];
        const push = (least - Math.min(apart, least)) / 2 / apart + 1e-3;
        at[i] = [at[i]![0] + push * x, at[i]![1] + push * y];
        at[j] = [at[j]![0] - push * x, at[j]![1] - push * y];
      }
    }
    if (isFree) break;
  }
  return at.map(([x, y]) => [within(x, width), within(y, height)]);
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Writes the names of genres and of songs asked about where they hide no other name, and of points as few as can be. */
function label(group: SVGGElement, points: readonly MapPoint[], at: Place[], width: number, height: number): void {
  const taken: Box[] = [];
  const dots = at.map(([x, y], number): Box => {
    const radius = points[number]!.asked ? RING : RADIUS;
    return { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius };
  });
  const write = (text: string, kind: string, places: (size: { width: number; height: number }) => Place[], most: number) => {
    const written = svg("text", { class: kind }, text);
    group.append(written);
    const size = { width: written.getComputedTextLength(), height: 15 };
    const boxes = places(size).map(([x, y]): Box => {
      const left = Math.min(Math.max(x - size.width / 2, 2), Math.max(width - size.width - 2, 2));
      return { left, top: y - size.height / 2, right: left + size.width, bottom: y + size.height / 2 };
    });
    const isFree = (box: Box) => box.top >= 0 && box.bottom <= height && !taken.some((other) => overlap(box, other));
    const free = boxes.filter(isFree).map((box) => ({ box, hidden: dots.filter((dot) => overlap(box, dot)).length }));
    const { box: best, hidden = 0 } = free.sort((a, b) => a.hidden - b.hidden)[0] ?? {};
    if (!best || hidden > most) {
      written.remove();
      return;
    }
    taken.push(best);
    set(written, "x", round(best.left));
    set(written, "y", round(best.bottom - 4));
  };
  const asked = points.flatMap((point, number) => (point.asked ? [number] : []));
  for (const number of asked.slice(0, NAMED)) {
    const [x, y] = at[number]!;
    write(
      shortened(points[number]!.name),
      "name",
      (size) => {
        const side = size.width / 2 + RING + 5;
        return [[x, y - RING - 10], [x, y + RING + 11], [x + side, y], [x - side, y]];
      },
      0,
    );
  }
  const genres = new Set(points.flatMap(({ asked, genre }) => (asked || genre === null ? [] : [genre])));
  for (const genre of genres) {
    const own = at.filter((_, number) => points[number]!.genre === genre && !points[number]!.asked);
    write(
      shortened(genre),
      "genre",
      (size) =>
        byCentrality(own).flatMap(([x, y]): Place[] => {
          const side = size.width / 2 + RADIUS + 5;
          return [[x, y - RADIUS - 9], [x, y + RADIUS + 10], [x + side, y], [x - side, y]];
        }),
      1,
    );
  }
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length > 28 ? `${characters.slice(0, 27).join("").trimEnd()}…` : text;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom && b.top < a.bottom;
}

/** Places by how near they are to all others of them, the most central first. */
function byCentrality(places: Place[]): Place[] {
  const far = new Map(places.map((place) => [place, places.reduce((sum, [a, b]) => sum + Math.hypot(a - place[0], b - place[1]), 0)]));
  return [...places].sort((a, b) => far.get(a)! - far.get(b)!);
}

function nearestPlace(at: Place[], [x, y]: Place): number | null {
  const far = at.map(([a, b]) => Math.hypot(a - x, b - y));
  const least = Math.min(...far);
  return least <= REACH ? far.indexOf(least) : null;
}

function nearestTo(distances: ArrayLike<number>, own: number): number[] {
  const others = Array.from(distances, (_, other) => other).filter((other) => other !== own);
  return others.sort((a, b) => distances[a]! - distances[b]!).slice(0, NEAREST);
}

const DIRECTIONS: Record<string, Place> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Where a key leads from a point: the nearest one in its direction, or the first, last, next or previous of all; null for no way. */
function moved(key: string, from: number, at: Place[]): number | null {
  const last = at.length - 1;
  const listed: Record<string, number> = { Home: 0, End: last, PageDown: Math.min(from + 1, last), PageUp: Math.max(from - 1, 0) };
  if (key in listed) return listed[key]!;
  const direction = DIRECTIONS[key];
  if (!direction) return null;
  const [x, y] = at[from]!;
  let [found, best]: [number | null, number] = [null, Infinity];
  for (const [other, [a, b]] of at.entries()) {
    const along = (a - x) * direction[0] + (b - y) * direction[1];
    const across = Math.abs((a - x) * direction[1]) + Math.abs((b - y) * direction[0]);
    // One beside it is not above or below.
    if (other === from || along < 1) continue;
    const far = along + 2 * across;
    if (far < best) [found, best] = [other, far];
  }
  return found;
}

function cosines(points: readonly MapPoint[]): number[][] {
  const length = (vector: Float32Array) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
  const units = points.map(({ embedding }) => {
    const size = length(embedding);
    return embedding.map((value) => value / size);
  });
  return units.map((a) =>
    units.map((b) => {
      let alike = 0;
      for (let at = 0; at < a.length; at++) alike += a[at]! * b[at]!;
      return Math.max(0, 1 - alike);
    }),
  );
}
