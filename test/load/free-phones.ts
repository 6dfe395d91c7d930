/** Phones that have nothing to do: a phone does one thing at a time, as its counter wants it. */
export class FreePhones<Phone> {
  readonly #free: Phone[] = [];
  readonly #waiting: ((phone: Phone) => void)[] = [];

  constructor(phones: Iterable<Phone>) {
    this.#free.push(...phones);
  }

  /** Lends the phone that was idle for longest, or the next that comes back. */
  async with<T>(work: (phone: Phone) => Promise<T>): Promise<T> {
    const phone =
      this.#free.shift() ?? (await new Promise<Phone>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(phone);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(phone);
      else this.#free.push(phone);
    }
  }
}
