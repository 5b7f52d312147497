/** Small pictures of sounds: a mask of the levels, which the page colours. */

import type { Heard } from "../listen.ts";

const WIDTH = 64;
const HEIGHT = 32;

/** Has an element show what a song's levels look like; without levels it stays a plain strip. */
export function drawThumb(on: HTMLElement, levels: Heard["levels"] | null): void {
  on.classList.toggle("plain", levels === null);
  if (levels === null) return;
  const { bands, frames, values } = levels;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  if (!context) return;
  const finite = values.filter(Number.isFinite).sort();
  const [low, high] = [finite[Math.floor(finite.length * 0.15)] ?? 0, finite[Math.floor(finite.length * 0.99)] ?? 1];
  const picture = context.createImageData(WIDTH, HEIGHT);
  // Only what was heard is drawn, side by side.
  const heard = Array.from({ length: frames }, (_, frame) => frame).filter((frame) => Number.isFinite(values[frame]));
  for (let x = 0; x < WIDTH; x += 1) {
    const frame = heard[Math.floor((x * heard.length) / WIDTH)] ?? 0;
    for (let y = 0; y < HEIGHT; y += 1) {
      const band = Math.floor(((HEIGHT - 1 - y) * bands) / HEIGHT);
      const level = ((values[band * frames + frame] ?? low) - low) / (high - low || 1);
      picture.data[4 * (y * WIDTH + x) + 3] = 255 * Math.min(1, Math.max(0, level));
    }
  }
  context.putImageData(picture, 0, 0);
  const mask = `url(${canvas.toDataURL()})`;
  on.style.setProperty("mask-image", mask);
  on.style.setProperty("-webkit-mask-image", mask);
}
