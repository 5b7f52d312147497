/** Files as they are dropped or chosen, with the folders that they lie in. */

/** A file, and the folders that it lies in below what was dropped, the outermost first. */
export interface Found {
  file: File;
  folders: string[];
}

/** What endings of audio files a folder is searched for; a file that is chosen by itself is tried whatever it is called. */
const SOUNDS = /\.(aac|aif|aiff|caf|flac|m4a|m4b|mka|mp2|mp3|mp4|oga|ogg|opus|wav|wave|weba|webm|wma)$/i;
/** Folders within folders, at most. */
const DEEPEST = 16;

function sounds(file: File): boolean {
  return !file.name.startsWith(".") && (SOUNDS.test(file.name) || file.type.startsWith("audio/"));
}

/** Everything that was dropped. Has to be called while the event is handled, since a browser forgets it afterwards. */
export function dropped(data: DataTransfer): Promise<Found[]> {
  const items = [...data.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  if (entries.some((entry) => entry?.isDirectory)) {
    return Promise.all(entries.map((entry) => (entry ? walk(entry, [], DEEPEST) : []))).then((found) => found.flat());
  }
  return Promise.resolve([...data.files].map((file) => ({ file, folders: [] })));
}

async function walk(entry: FileSystemEntry, folders: string[], deep: number): Promise<Found[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed)).catch(() => null);
    return file && (folders.length === 0 || sounds(file)) ? [{ file, folders }] : [];
  }
  if (deep === 0 || entry.name.startsWith(".")) return [];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Found[] = [];
  for (;;) {
    // A reader gives a hundred entries at a time, and none at the end.
    const entries = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed)).catch(() => []);
    if (entries.length === 0) return found.sort((a, b) => a.file.name.localeCompare(b.file.name, undefined, { numeric: true }));
    for (const inner of entries) found.push(...(await walk(inner, [...folders, entry.name], deep - 1)));
  }
}

const ACCEPTED = "audio/*,video/mp4,video/webm,.flac,.ogg,.opus,.m4a,.mp3,.wav,.aiff,.aif";

/** What has files chosen, or a folder with all that is in it, when it is clicked by a button's script. */
export function chooser(kind: "files" | "folder" | "json", take: (found: Found[]) => void): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "file";
  input.hidden = true;
  input.multiple = kind !== "json";
  if (kind === "folder") input.webkitdirectory = true;
  else input.accept = kind === "json" ? ".json,application/json" : ACCEPTED;
  input.addEventListener("change", () => {
    const found = [...(input.files ?? [])].map((file) => ({ file, folders: file.webkitRelativePath.split("/").slice(0, -1) }));
    take(kind === "folder" ? found.filter(({ file }) => sounds(file)) : found);
    // The same file can be chosen again.
    input.value = "";
  });
  return input;
}

/** Files by the genre that their folders name: folders within folders become genres within genres, and folders around all
 * of them that hold no song themselves are left out, unless there is but one. Files without a folder come last, without a name. */
export function byFolder(found: readonly Found[]): { name: string | null; files: File[] }[] {
  const groups = new Map<string, { folders: string[]; files: File[] }>();
  for (const { file, folders } of found) {
    const key = folders.join("/");
    const group = groups.get(key) ?? { folders, files: [] };
    group.files.push(file);
    groups.set(key, group);
  }
  const inFolders = [...groups.values()].filter((group) => group.folders.length > 0);
  // The outermost folders that all have in common go, up to the last that names a genre.
  const shortest = Math.min(...inFolders.map((group) => group.folders.length));
  let common = 0;
  while (inFolders.length > 0 && common < shortest - 1 && inFolders.every((group) => group.folders[common] === inFolders[0]!.folders[common])) common += 1;
  const named = inFolders.map((group) => ({ name: group.folders.slice(common).join("/"), files: group.files }));
  const loose = groups.get("")?.files ?? [];
  return loose.length > 0 ? [...named, { name: null, files: loose }] : named;
}
