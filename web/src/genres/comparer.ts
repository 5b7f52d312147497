import type { Bundle } from "../runtime/bundle.ts";
import type { Device } from "../runtime/device.ts";
import { Program } from "../runtime/program.ts";

/**
 * Distances between many vectors by a model's own measure, made on a device by a bundle's plan `distances`: of ports `rows`
 * [R, width, 1, 1] and `columns` [C, width, 1, 1] -> `distances` [1, 1, R, C], in as many pieces as it takes.
 */
export class Comparer {
  readonly #program: Program;
  /** Calls one after the other: they share the program's buffers. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Throws a `PlainError` where the device cannot. */
  static async open(device: Device, bundle: Bundle): Promise<Comparer> {
    return new Comparer(await Program.open(device, bundle, "distances"));
  }

  /** Gives its memory on the device back. */
  close(): void {
    this.#program.close();
  }

  /** The distance of each row to each column, vectors of [width]: `[row][column]`. */
  distances(rows: Float32Array[], columns: Float32Array[]): Promise<Float32Array[]> {
    const found = this.#last.then(() => this.#distances(rows, columns));
    this.#last = found.catch(() => undefined);
    return found;
  }

  async #distances(rows: Float32Array[], columns: Float32Array[]): Promise<Float32Array[]> {
    const [height, wide] = [this.#program.shape("rows")[0], this.#program.shape("columns")[0]];
    const found = rows.map(() => new Float32Array(columns.length));
    for (let column = 0; column < columns.length; column += wide) {
      const right = columns.slice(column, column + wide);
      this.#program.write("columns", joined(right));
      for (let row = 0; row < rows.length; row += height) {
        const left = rows.slice(row, row + height);
        this.#program.write("rows", joined(left));
        this.#program.run();
        const made = (await this.#program.read("distances")) as Float32Array;
        left.forEach((_, at) => found[row + at]!.set(made.subarray(at * wide, at * wide + right.length), column));
      }
    }
    return found;
  }
}

function joined(vectors: Float32Array[]): Float32Array {
  const width = vectors[0]!.length;
  const all = new Float32Array(vectors.length * width);
  vectors.forEach((vector, at) => all.set(vector, at * width));
  return all;
}
