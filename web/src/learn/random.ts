/** Random numbers by a seed: sfc32 (Chris Doty-Humphrey, PractRand), the same in every browser. */
export class Random {
  #a = 0x9e3779b9;
  #b = 0x243f6a88;
  #c: number;
  #count = 1;

  constructor(seed: number) {
    this.#c = seed | 0;
    for (let k = 0; k < 15; k += 1) this.#word();
  }

  #word(): number {
    const word = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + word) | 0;
    return word >>> 0;
  }

  /** A whole number from 0 on that is less than `count`. */
  below(count: number): number {
    return Math.floor((this.#word() / 2 ** 32) * count);
  }

  /** The same items in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const found = [...items];
    for (let k = found.length - 1; k > 0; k -= 1) {
      const other = this.below(k + 1);
      [found[k], found[other]] = [found[other]!, found[k]!];
    }
    return found;
  }
}
