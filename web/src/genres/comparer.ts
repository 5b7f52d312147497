/** What runs the plan `distances` of a bundle: ports `rows` [R, width, 1, 1] and `columns` [C, width, 1, 1] -> `distances` [1, 1, R, C]. */
export interface DistanceProgram {
  shape(port: string): readonly number[];
  write(port: string, data: Float32Array): void;
  run(): Promise<void> | void;
  read(port: string): Promise<Float32Array | Uint32Array>;
}

/** Distances between many vectors by a model's own measure, made on a device in pieces of a plan's size. */
export class Comparer {
  readonly #program: DistanceProgram;
  /** Calls one after the other: they share the program's buffers. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(program: DistanceProgram) {
    this.#program = program;
  }

  /** The distance of each row to each column, vectors of [width]: `[row][column]`. */
  distances(rows: Float32Array[], columns: Float32Array[]): Promise<Float32Array[]> {
    const found = this.#last.then(() => this.#distances(rows, columns));
    this.#last = found.catch(() => undefined);
    return found;
  }

  async #distances(rows: Float32Array[], columns: Float32Array[]): Promise<Float32Array[]> {
    const [height, wide] = [this.#program.shape("rows")[0]!, this.#program.shape("columns")[0]!];
    const found = rows.map(() => new Float32Array(columns.length));
    for (let column = 0; column < columns.length; column += wide) {
      const right = columns.slice(column, column + wide);
      this.#program.write("columns", joined(right));
      for (let row = 0; row < rows.length; row += height) {
        const left = rows.slice(row, row + height);
        this.#program.write("rows", joined(left));
        await this.#program.run();
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
