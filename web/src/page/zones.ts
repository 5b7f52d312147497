/** Where files can be dropped; the same can be done by a button. */

import { button, element } from "./elements.ts";
import { chooser, dropped, type Found } from "./files.ts";

/** The element that files are held over. */
let over: HTMLElement | null = null;

function mark(next: HTMLElement | null): void {
  over?.classList.remove("over");
  over = next;
  over?.classList.add("over");
}

const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

/** Shows where files can be dropped while they are held over the page, and keeps the browser from opening them instead. */
export function watchDragging(): void {
  let leaving: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    document.body.classList.remove("dragging");
    mark(null);
  };
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    clearTimeout(leaving);
    document.body.classList.add("dragging");
    const zone = (event.target as Element).closest<HTMLElement>("[data-drop]");
    event.dataTransfer!.dropEffect = zone ? "copy" : "none";
    mark(zone);
    // No event tells for certain that files have left the window: where none comes any more, they have.
    leaving = setTimeout(end, 400);
  });
  document.addEventListener("drop", (event) => {
    if (holdsFiles(event)) event.preventDefault();
    clearTimeout(leaving);
    end();
  });
}

/** Has an element take files that are dropped on it, but for those that are dropped on a zone within it. */
export function takesFiles(zone: HTMLElement, take: (found: Found[]) => void): void {
  zone.dataset.drop = "";
  zone.addEventListener("drop", (event) => {
    if (!holdsFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    if ((event.target as Element).closest("[data-drop]") !== zone) return;
    void dropped(event.dataTransfer).then(take);
  });
}

/** A drop zone: a large button that opens the choice of files, and a smaller one for a folder. */
export function dropZone(words: { title: string; hint: string; folder: string }, take: (found: Found[]) => void): HTMLElement {
  const [some, all] = [chooser("files", take), chooser("folder", take)];
  const files = element(
    "button",
    { type: "button", class: "zone-files", onclick: () => some.click() },
    element("strong", {}, words.title),
    element("span", {}, words.hint),
  );
  const zone = element("div", { class: "zone" }, files, button(words.folder, "quiet", () => all.click(), "folder"), some, all);
  takesFiles(zone, take);
  return zone;
}
