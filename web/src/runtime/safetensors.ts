import { Reader } from "./json.ts";

/** A tensor of 32-bit values, the last dimension innermost. */
export interface StoredTensor {
  shape: number[];
  data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
}

/** Bytes before the header: its length. */
const PREFIX = 8;

/**
 * The tensors of a safetensors file, F32 and U32, by their names. Their values are views of the file.
 *
 * Format: https://github.com/huggingface/safetensors#format
 *
 * @throws PlainError if it is no such file, or its tensors are not its bytes, each byte once.
 */
export function readSafetensors(file: string, bytes: Uint8Array<ArrayBuffer>): Map<string, StoredTensor> {
  const reader: Reader = new Reader(file);
  reader.require(bytes.length >= PREFIX, "it has no header");
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  reader.require(length <= bytes.length - PREFIX, "its header is longer than the file");
  const header = reader.parse(bytes.subarray(PREFIX, PREFIX + length));
  // Views of words begin at multiples of 4.
  const content = bytes.slice(PREFIX + length);
  const entries = Object.entries(reader.object(header, "header"));
  const tensors = entries.filter(([name]) => name !== "__metadata__").map(([name, entry]) => {
    const { dtype, shape, data_offsets } = reader.object(entry, name);
    const word = reader.word(dtype, `${name}.dtype`, ["F32", "U32"]);
    const sizes = reader.list(shape, `${name}.shape`, (size, what) => reader.whole(size, what));
    const offsets = reader.list(data_offsets, name, (offset, what) => reader.whole(offset, what, content.length), 2);
    const [start, end] = offsets as [number, number];
    const elements = sizes.reduce((product, size) => product * size, 1);
    reader.require(start % 4 === 0 && end - start === 4 * elements, `${name} is not as long as its shape`);
    const words = word === "F32" ? Float32Array : Uint32Array;
    return { name, start, end, tensor: { shape: sizes, data: new words(content.buffer, start, elements) } };
  });
  tensors.sort((a, b) => a.start - b.start || a.end - b.end);
  let covered = 0;
  for (const { name, start, end } of tensors) {
    reader.require(start === covered, `${name} does not begin where the tensor before it ends`);
    covered = end;
  }
  reader.require(covered === content.length, "it has bytes that are of no tensor");
  return new Map(tensors.map(({ name, tensor }) => [name, tensor]));
}
