// What a browser leaves out of the beginning of an MP4's sound: the samples by which its encoder delays it.

/** The parts of a box, by their names in order. https://developer.apple.com/documentation/quicktime-file-format/atoms */
function parts(view: DataView, name: string): DataView[] {
  const found: DataView[] = [];
  for (let at = 0; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at);
    const end = at + size;
    if (size < 8 || end > view.byteLength) break;
    if (word(view, at + 4) === name) found.push(new DataView(view.buffer, view.byteOffset + at + 8, size - 8));
    at = end;
  }
  return found;
}

function word(view: DataView, at: number): string {
  return at + 4 <= view.byteLength ? String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4)) : "";
}

/** Most bytes of the description of a file, with the picture of its cover. */
const MOST_MOOV = 2 ** 25;
/** The description is among so many boxes of a file. */
const MOST_BOXES = 1000;

/** The description of an MP4, which may stand behind its sound. */
async function moov(file: Blob): Promise<DataView | undefined> {
  let at = 0;
  for (let box = 0; box < MOST_BOXES && at + 16 <= file.size; box += 1) {
    const head = new DataView(await file.slice(at, at + 16).arrayBuffer());
    if (head.byteLength < 16 || (at === 0 && word(head, 4) !== "ftyp")) return undefined;
    // A size of 1 is told in 64 bits behind the name.
    const size = head.getUint32(0) === 1 ? Number(head.getBigUint64(8)) : head.getUint32(0);
    if (size < 8) return undefined;
    if (word(head, 4) === "moov" && size <= MOST_MOOV) return new DataView(await file.slice(at + 8, at + size).arrayBuffer());
    at += size;
  }
  return undefined;
}

/** How long an MP4 says it is, in seconds; 0 if it does not, as one that was written in fragments, or is another file. */
export async function mp4Seconds(file: Blob): Promise<number> {
  const description = await moov(file);
  const times = description && parts(description, "mvhd")[0];
  if (!times || times.byteLength < 32) return 0;
  // Times of 64 bits are of version 1; all bits set stand for an unknown one.
  const wide = times.getUint8(0) === 1;
  const length = wide ? Number(times.getBigUint64(24)) : times.getUint32(16);
  const scale = times.getUint32(wide ? 20 : 12);
  return scale > 0 && length < (wide ? 2 ** 63 : 2 ** 32 - 1) ? length / scale : 0;
}

/**
 * The time in seconds that the edit list of an MP4's sound passes over, as an encoder for AAC asks for; 0 for other files.
 * Browsers do so; the crate's decoder does not, and hears everything that much later.
 */
export async function encoderDelay(file: Blob): Promise<number> {
  const description = await moov(file);
  const tracks = description ? parts(description, "trak") : [];
  for (const track of tracks) {
    const media = parts(track, "mdia")[0];
    const edits = parts(track, "edts").flatMap((edit) => parts(edit, "elst"))[0];
    const times = media && parts(media, "mdhd")[0];
    const handler = media && parts(media, "hdlr")[0];
    if (!edits || !times || !handler || word(handler, 8) !== "soun") continue;
    // Both have a version of 32 bits, which all but films of centuries are written in.
    if (edits.byteLength < 20 || times.byteLength < 16 || edits.getUint8(0) !== 0 || times.getUint8(0) !== 0) return 0;
    const seconds = edits.getInt32(12) / times.getUint32(12);
    return seconds > 0 && seconds < 1 ? seconds : 0;
  }
  return 0;
}
