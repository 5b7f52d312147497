/** A wall of the functions that move most. */

import { type Curves, type Edge, Moved, sample } from "../learn/curves.ts";
import { count, element, say } from "./elements.ts";
import { node } from "./learn_chart.ts";

/** Functions shown of a layer. */
const SHOWN = 6;
const WIDTH = 132;
const HEIGHT = 92;
/** How far beyond its grid a function is drawn, in shares of the grid. */
const BEYOND = 0.2;
const POINTS = 49;

interface Tile {
  edge: Edge;
  root: HTMLElement;
  now: SVGElement;
  start: SVGElement;
  name: HTMLElement;
}

interface Layer {
  curves: Curves;
  z: number[];
  /** The largest value so far, so that the scale never shrinks. */
  reach: number;
  tiles: Tile[];
  list: HTMLElement;
  told: HTMLElement;
  /** How many of how many. */
  shown: string;
}

export class Wall {
  readonly root = element("div", { class: "learn-wall" });
  readonly #moved: Moved;
  readonly #start: Float32Array;
  readonly #layers: Layer[];

  /** A wall of functions that are as yet as `start` has them. */
  constructor(layers: Curves[], start: Float32Array) {
    this.#start = start;
    this.#moved = new Moved(layers, start);
    this.#layers = layers.map((curves, k) => {
      const list = element("ul", {});
      const edges = curves.inputs * curves.kernel[0] * curves.kernel[1] * curves.outputs;
      const title = layers.length > 1 ? `Layer ${k + 1}` : "Its layer";
      const told = element("span", {});
      const shown = `${Math.min(SHOWN, edges)} of ${count(edges, "curve")}`;
      this.root.append(element("h4", {}, title, told), list);
      return { curves, z: places(curves), reach: 0, tiles: [], list, told, shown };
    });
    this.#draw(start, "as they begin");
  }

  update(parameters: Float32Array): void {
    this.#draw(parameters, "those that have moved most");
  }

  #draw(parameters: Float32Array, which: string): void {
    this.#moved.most(parameters, 2 * SHOWN).forEach((ranked, k) => {
      const layer = this.#layers[k]!;
      say(layer.told, `${layer.shown}, ${which}`);
      this.#drawLayer(layer, ranked.map(({ edge }) => edge), parameters);
    });
  }

  /** What is shown stays as long as it is among twice as many, so that the wall does not flicker. */
  #drawLayer(layer: Layer, ranked: Edge[], parameters: Float32Array): void {
    const free = ranked.slice(0, SHOWN).filter((edge) => !layer.tiles.some((tile) => tile.edge === edge));
    for (const tile of layer.tiles) {
      const next = ranked.includes(tile.edge) ? null : free.shift();
      if (next) name(tile, next);
    }
    while (layer.tiles.length < SHOWN && free.length > 0) {
      const tile = makeTile(free.shift()!);
      layer.tiles.push(tile);
      layer.list.append(tile.root);
    }
    const drawn = layer.tiles.map(({ edge }) => [sample(edge, this.#start, layer.z), sample(edge, parameters, layer.z)]);
    for (const value of drawn.flat(2)) if (Number.isFinite(value)) layer.reach = Math.max(layer.reach, Math.abs(value));
    layer.tiles.forEach((tile, at) => {
      const [start, now] = drawn[at]!;
      tile.start.setAttribute("d", path(layer, start!));
      tile.now.setAttribute("d", path(layer, now!));
    });
  }
}

function places({ low, high }: Curves): number[] {
  const reach = (high - low) * (1 + 2 * BEYOND);
  return Array.from({ length: POINTS }, (_, k) => low - (high - low) * BEYOND + (reach * k) / (POINTS - 1));
}

function path({ reach }: Layer, values: number[]): string {
  const y = (value: number) => HEIGHT / 2 - (value / (reach || 1)) * (HEIGHT / 2 - 4);
  return values.map((value, k) => `${k ? "L" : "M"}${((k * WIDTH) / (POINTS - 1)).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function makeTile(edge: Edge): Tile {
  const inside = WIDTH / (1 + 2 * BEYOND);
  const picture = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  const start = node("path", { class: "start" });
  const now = node("path", { class: "now" });
  const grid = node("rect", { x: (WIDTH - inside) / 2, y: 0, width: inside, height: HEIGHT, class: "grid" });
  const zero = node("line", { x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2, class: "zero" });
  picture.append(grid, zero, start, now);
  const words = element("span", {});
  const root = element("li", {});
  root.append(picture, words);
  const tile = { edge, root, now, start, name: words };
  name(tile, edge);
  return tile;
}

/** Which channel it takes, and to which one it adds. */
function name(tile: Tile, edge: Edge): void {
  const { inputs, kernel } = edge.curves;
  const input = Math.floor(edge.tap / (kernel[0] * kernel[1]));
  tile.edge = edge;
  tile.name.textContent = `${inputs > 1 ? input + 1 : "sound"} → ${edge.output + 1}`;
}
