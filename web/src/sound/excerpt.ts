// The beginning of a long file, cut without decoding it.

/** Bytes that are read at a time. */
const PIECE = 2 ** 20;

/** A file of which parts are read, until a signal is aborted. */
class Source {
  readonly file: Blob;
  readonly #signal: AbortSignal | undefined;
  #start = 0;
  #piece = new DataView(new ArrayBuffer(0));

  constructor(file: Blob, signal?: AbortSignal) {
    this.file = file;
    this.#signal = signal;
  }

  /** So many bytes from a place on; undefined if the file ends before. */
  async at(offset: number, length: number): Promise<DataView | undefined> {
    if (offset + length > this.file.size) return undefined;
    if (offset < this.#start || offset + length > this.#start + this.#piece.byteLength) {
      this.#signal?.throwIfAborted();
      this.#start = offset;
      this.#piece = new DataView(await this.file.slice(offset, offset + Math.max(PIECE, length)).arrayBuffer());
    }
    // A file may have become shorter since.
    const here = offset + length <= this.#start + this.#piece.byteLength;
    return here ? new DataView(this.#piece.buffer, offset - this.#start, length) : undefined;
  }
}

function word(view: DataView | undefined, at: number): string {
  return view ? String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4)) : "";
}

/**
 * The beginning of a file that is longer than so many seconds, as a file that is complete by itself; the file itself if it is
 * not much longer; undefined if it does not say, or is of a kind that cannot be cut. WAV, MP3, Ogg, FLAC and WebM can.
 *
 * @throws what the signal was aborted with.
 */
export async function excerpt(file: Blob, seconds: number, signal?: AbortSignal): Promise<Blob | undefined> {
  const source = new Source(file, signal);
  const head = await source.at(0, 12);
  const kind = word(head, 0);
  if ((kind === "RIFF" || kind === "RF64") && word(head, 8) === "WAVE") return wav(source, seconds);
  if (kind === "OggS") return ogg(source, seconds);
  if (kind === "fLaC") return flac(source, seconds);
  if (kind === "\x1a\x45\xdf\xa3") return webm(source, seconds);
  // MP4, in which the headers of MP3 would be looked for in vain.
  if (word(head, 4) === "ftyp") return undefined;
  return mp3(source, seconds);
}

/** https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html: the data under a new header. */
async function wav(source: Source, seconds: number): Promise<Blob | undefined> {
  let format: DataView | undefined;
  for (let at = 12; ; ) {
    const head = await source.at(at, 8);
    if (!head) return undefined;
    const length = head.getUint32(4, true);
    if (word(head, 0) === "fmt " && length > PIECE) return undefined;
    if (word(head, 0) === "fmt ") format = await source.at(at, 8 + length);
    if (word(head, 0) === "data") {
      if (!format || format.byteLength < 24) return undefined;
      const block = Math.max(format.getUint16(20, true), 1);
      const bytes = Math.ceil((seconds * format.getUint32(16, true)) / block) * block;
      // What was written while it was made may not know the length. Behind the data may be a cover, or what an editor keeps.
      const told = length === 0 || length === 0xffffffff ? Infinity : length;
      if (bytes >= Math.min(told, source.file.size - at - 8)) return source.file;
      const riff = new DataView(new ArrayBuffer(20));
      [..."RIFF    WAVEdata"].forEach((letter, k) => riff.setUint8(k, letter.charCodeAt(0)));
      riff.setUint32(4, 4 + format.byteLength + 8 + bytes, true);
      riff.setUint32(16, bytes, true);
      const own = new Uint8Array(riff.buffer);
      const chunk = new Uint8Array(format.buffer, format.byteOffset, format.byteLength) as Uint8Array<ArrayBuffer>;
      return new Blob([own.subarray(0, 12), chunk, own.subarray(12), source.file.slice(at + 8, at + 8 + bytes)]);
    }
    at += 8 + length + (length % 2);
  }
}

/** Bits a second of layer III in thousands: of MPEG-1, and of MPEG-2 and 2.5. */
const BITRATES = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const RATES = [44100, 48000, 32000];

/** Bytes and seconds of the frame with this header, http://www.mp3-tech.org/programmer/frame_header.html. */
function mp3Frame(header: number): { bytes: number; seconds: number } | undefined {
  // 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5; 1 is layer III.
  const version = (header >>> 19) & 3;
  const layer = (header >>> 17) & 3;
  const bits = BITRATES[version === 3 ? 0 : 1]![(header >>> 12) & 15];
  const rate = RATES[(header >>> 10) & 3];
  if (header >>> 21 !== 0x7ff || version === 1 || layer !== 1 || !bits || !rate) return undefined;
  const hz = version === 3 ? rate : version === 2 ? rate / 2 : rate / 4;
  const samples = version === 3 ? 1152 : 576;
  return { bytes: Math.floor((samples * 125 * bits) / hz) + ((header >>> 9) & 1), seconds: samples / hz };
}

/** Bytes of the tag that begins here, 0 if none does. https://id3.org/id3v2.4.0-structure */
function id3(head: DataView): number {
  const [major, ...size] = [3, 6, 7, 8, 9].map((k) => head.getUint8(k));
  if (!word(head, 0).startsWith("ID3") || major! > 4 || size.some((byte) => byte > 127)) return 0;
  // Seven bits of each byte.
  return 10 + size.reduce((sum, byte) => 128 * sum + byte, 0);
}

async function mp3(source: Source, seconds: number): Promise<Blob | undefined> {
  let [at, time] = [0, 0];
  /** What is no frame is passed over, since the last frame or tag. There may be some of it, but not much. */
  let passed = 0;
  while (time < seconds) {
    if (passed > PIECE) return undefined;
    const head = await source.at(at, 10);
    if (!head) return time > 0 ? source.file : undefined;
    const tag = id3(head);
    const frame = mp3Frame(head.getUint32(0));
    if (tag > 0) {
      at += tag;
      passed = 0;
    } else if (frame && ((passed === 0 && time > 0) || (await followed(source, at, frame)))) {
      at += frame.bytes;
      time += frame.seconds;
      passed = 0;
    } else {
      at += 1;
      passed += 1;
    }
  }
  return at < source.file.size ? source.file.slice(0, at) : source.file;
}

/** Whether another frame follows: four bytes alone look like one by chance. */
async function followed(source: Source, at: number, frame: { bytes: number; seconds: number }): Promise<boolean> {
  const next = await source.at(at + frame.bytes, 4);
  return next !== undefined && mp3Frame(next.getUint32(0))?.seconds === frame.seconds;
}

/** https://www.rfc-editor.org/rfc/rfc3533: whole pages, up to the one that ends late enough. A recording of radio begins late
 * in a stream, and others follow: what is heard counts from the end of the first page with sound of each. */
async function ogg(source: Source, seconds: number): Promise<Blob | undefined> {
  let rate: number | undefined;
  // Whether another stream begins in it, with times of its own.
  let others = false;
  let heard = 0;
  let last: number | undefined;
  for (let at = 0; ; ) {
    if (at === source.file.size && !others) return source.file;
    const head = await source.at(at, 27);
    const table = await source.at(at + 27, head && word(head, 0) === "OggS" ? head.getUint8(26) : 0);
    // `at` is given anew, since what was read before may be gone.
    const page = await source.at(at, 27 + (table?.byteLength ?? 0));
    if (!page || !table || word(page, 0) !== "OggS") return undefined;
    const body = new Uint8Array(page.buffer, page.byteOffset + 27, table.byteLength).reduce((sum, size) => sum + size, 0);
    const time = Number(page.getBigInt64(6, true));
    const begins = (page.getUint8(5) & 2) !== 0;
    others ||= at > 0 && begins;
    const start = at + page.byteLength;
    if (begins || !rate) [rate, last] = [oggRate(await source.at(start, Math.min(body, 32))), undefined];
    if (!rate) return undefined;
    at = start + body;
    // It is 0 for headers, and -1 for a page on which nothing ends.
    if (time > 0) {
      heard += (time - (last ?? time)) / rate;
      last = time;
    }
    if (heard >= seconds) return at < source.file.size ? source.file.slice(0, at) : source.file;
  }
}

/** What the times of pages count, by the first packet of a stream. */
function oggRate(packet: DataView | undefined): number | undefined {
  if (!packet || packet.byteLength < 19) return undefined;
  const name = word(packet, 1);
  if (name === "vorb") return packet.getUint32(12, true);
  if (name === "pusH") return 48000;
  return undefined;
}

/** https://www.rfc-editor.org/rfc/rfc9639: twice the share of its bytes, as parts of a file may be larger than others. */
async function flac(source: Source, seconds: number): Promise<Blob | undefined> {
  const head = await source.at(0, 26);
  if (!head) return undefined;
  const rate = head.getUint32(18) >>> 12;
  const samples = (head.getUint8(21) & 15) * 2 ** 32 + head.getUint32(22);
  const share = (2 * seconds * rate) / samples;
  if (samples === 0 || !(share > 0)) return undefined;
  return share < 1 ? source.file.slice(0, Math.ceil(share * source.file.size)) : source.file;
}

/** Elements of WebM and Matroska: what holds others, and the times of what comes next. */
const [SEGMENT, INFO, SCALE, CLUSTER, TIME] = [0x18538067, 0x1549a966, 0x2ad7b1, 0x1f43b675, 0xe7];

/** https://www.rfc-editor.org/rfc/rfc9559: up to the cluster that begins late enough behind the first. A recording does not tell
 * how long it or its clusters are, so that what is in them is gone through. */
async function webm(source: Source, seconds: number): Promise<Blob | undefined> {
  /** Nanoseconds that times count. */
  let scale = 1e6;
  let cluster = 0;
  let first: number | undefined;
  for (let at = 0; at < source.file.size; ) {
    const id = await ebml(source, at);
    const size = id && (await ebml(source, at + id.bytes));
    // A recording may end in a header, which has 16 bytes at most. Behind one that is damaged may be hours.
    if ((!id || !size) && at + 16 > source.file.size) break;
    if (!id || !size) return undefined;
    const name = id.value + 2 ** (7 * id.bytes);
    const start = at + id.bytes + size.bytes;
    if (name === CLUSTER) cluster = at;
    at = start;
    if (name === SEGMENT || name === INFO || name === CLUSTER) continue;
    if (size.value === 2 ** (7 * size.bytes) - 1) return undefined;
    at += size.value;
    if ((name !== SCALE && name !== TIME) || at > source.file.size) continue;
    const view = size.value <= 8 ? await source.at(start, size.value) : undefined;
    if (!view) return undefined;
    const value = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).reduce((sum, byte) => 256 * sum + byte, 0);
    if (name === SCALE) scale = value;
    if (name !== TIME) continue;
    first ??= value;
    if ((value - first) * scale >= 1e9 * seconds) return source.file.slice(0, cluster);
  }
  return first === undefined ? undefined : source.file;
}

/** The number at a place: as many zeros as come first, so many bytes more (https://www.rfc-editor.org/rfc/rfc8794#section-4). */
async function ebml(source: Source, at: number): Promise<{ value: number; bytes: number } | undefined> {
  const bytes = 1 + Math.clz32((await source.at(at, 1))?.getUint8(0) ?? 0) - 24;
  const view = bytes <= 8 ? await source.at(at, bytes) : undefined;
  if (!view) return undefined;
  let value = view.getUint8(0) % 2 ** (8 - bytes);
  for (let k = 1; k < bytes; k += 1) value = 256 * value + view.getUint8(k);
  return { value, bytes };
}
