import { FormatError } from './errors.ts';

/** Above what any real model has: 8 MiB of numbers. */
const MAX_EXTENTS = 1 << 19;

/** A set of byte ranges of one file; those that touch are kept as one. */
export class Extents {
  #starts = new Float64Array(16);
  #ends = new Float64Array(16);
  #count = 0;
  #sorted = true;

  /** Throws `too-large` for more ranges than any real model has. */
  add(offset: number, length: number): void {
    if (length <= 0) return;
    const end = offset + length;
    const last = this.#count - 1;
    const lastStart = this.#starts[last] ?? -1;
    const lastEnd = this.#ends[last] ?? -1;
    if (last >= 0 && offset >= lastStart && offset <= lastEnd) {
      if (end > lastEnd) this.#ends[last] = end;
      return;
    }
    if (offset < lastStart) this.#sorted = false;
    if (this.#count === MAX_EXTENTS) this.#compact();
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = offset;
    this.#ends[this.#count] = end;
    this.#count += 1;
  }

  /** By ascending offset, without overlap. */
  *[Symbol.iterator](): Generator<{ readonly offset: number; readonly end: number }> {
    const order = this.#order();
    let offset = -1;
    let end = -1;
    for (const i of order) {
      const start = this.#starts[i] ?? 0;
      const stop = this.#ends[i] ?? 0;
      if (start > end) {
        if (end > offset) yield { offset, end };
        offset = start;
        end = stop;
      } else if (stop > end) end = stop;
    }
    if (end > offset) yield { offset, end };
  }

  /** Tables that share what describes them are noted again and again. */
  #compact(): void {
    const merged = [...this];
    if (merged.length > MAX_EXTENTS / 2) throw new FormatError('too-large', 'too many parts');
    merged.forEach(({ offset, end }, i) => {
      this.#starts[i] = offset;
      this.#ends[i] = end;
    });
    this.#count = merged.length;
    this.#sorted = true;
  }

  #order(): Uint32Array {
    const order = new Uint32Array(this.#count);
    for (let i = 0; i < order.length; i++) order[i] = i;
    const starts = this.#starts;
    return this.#sorted ? order : order.sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  }

  #grow(): void {
    for (const name of ['starts', 'ends'] as const) {
      const old = name === 'starts' ? this.#starts : this.#ends;
      const larger = new Float64Array(old.length * 2);
      larger.set(old);
      if (name === 'starts') this.#starts = larger;
      else this.#ends = larger;
    }
  }
}
