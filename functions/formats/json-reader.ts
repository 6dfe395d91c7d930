/** JSON (RFC 8259) read once from front to back, with no object made of it: a header may be hostile. */
import { FormatError } from './errors.ts';
import type { WorkBudget } from './work-budget.ts';

const MAX_DEPTH = 32;
const STEPS_PER_VALUE = 2;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
const WHITESPACE: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d]);

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws `malformed` for whatever is not the value that is asked for, and for a key that comes twice. */
export class JsonReader {
  readonly #bytes: Uint8Array;
  readonly #budget: WorkBudget;
  #at = 0;

  constructor(bytes: Uint8Array, budget: WorkBudget) {
    this.#bytes = bytes;
    this.#budget = budget;
  }

  /** Calls `visit` for each key, which has to read its value. */
  object(visit: (key: string) => void): void {
    const keys = new Set<string>();
    this.#list(OPEN_OBJECT, CLOSE_OBJECT, () => {
      const key = this.string();
      if (keys.has(key)) throw this.#malformed(`${key.slice(0, 100)} twice`);
      keys.add(key);
      this.#expect(COLON);
      visit(key);
    });
  }

  /** Whether the next value is one. */
  isArray(): boolean {
    return this.#peek() === OPEN_ARRAY;
  }

  array(visit: () => void): void {
    this.#list(OPEN_ARRAY, CLOSE_ARRAY, visit);
  }

  /** Whole numbers from 0, at most `most`. */
  wholeNumbers(most: number): number[] {
    const numbers: number[] = [];
    this.array(() => {
      if (numbers.push(this.wholeNumber()) > most) throw this.#malformed('too many numbers');
    });
    return numbers;
  }

  wholeNumber(): number {
    const text = this.#plain();
    if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) throw this.#malformed('not a whole number');
    return Number(text);
  }

  string(): string {
    this.#expect(QUOTE);
    const start = this.#at;
    let escaped = false;
    for (let byte = this.#bytes[start]; byte !== QUOTE; byte = this.#bytes[this.#at]) {
      if (byte === undefined || byte < 0x20) throw this.#malformed('string');
      if (byte === BACKSLASH) {
        escaped = true;
        this.#at += 1;
      }
      this.#at += 1;
    }
    const raw = this.#bytes.subarray(start, this.#at);
    this.#budget.step(STEPS_PER_VALUE);
    this.#at += 1;
    try {
      const text = strict.decode(raw);
      return escaped ? (JSON.parse(`"${text}"`) as string) : text;
    } catch {
      throw this.#malformed('string');
    }
  }

  /** Any value, which nobody looks at. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) throw this.#malformed('values within values');
    const next = this.#peek();
    if (next === QUOTE) this.string();
    else if (next === OPEN_ARRAY) this.array(() => this.skip(depth + 1));
    else if (next === OPEN_OBJECT) this.object(() => this.skip(depth + 1));
    else {
      const text = this.#plain();
      const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);
      if (!isNumber && !['true', 'false', 'null'].includes(text)) throw this.#malformed('value');
    }
  }

  /** Only whitespace may follow. */
  end(): void {
    if (this.#peek() !== undefined) throw this.#malformed('more than one value');
  }

  #list(open: number, close: number, visit: () => void): void {
    this.#expect(open);
    if (this.#peek() === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      visit();
      const next = this.#peek();
      this.#at += 1;
      if (next === close) return;
      if (next !== COMMA) throw this.#malformed('list');
    }
  }

  /** A number or a word. */
  #plain(): string {
    this.#budget.step(STEPS_PER_VALUE);
    this.#peek();
    const start = this.#at;
    while (this.#at - start < 64 && isPlain(this.#bytes[this.#at])) this.#at += 1;
    return String.fromCharCode(...this.#bytes.subarray(start, this.#at));
  }

  #expect(byte: number): void {
    if (this.#peek() !== byte) throw this.#malformed('structure');
    this.#at += 1;
  }

  #peek(): number | undefined {
    this.#budget.step();
    while (WHITESPACE.has(this.#bytes[this.#at])) this.#at += 1;
    return this.#bytes[this.#at];
  }

  #malformed(what: string): FormatError {
    return new FormatError('malformed', `JSON at ${this.#at}: ${what}`);
  }
}

/** Letters, digits, sign and point. */
const isPlain = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    [0x2b, 0x2d, 0x2e, 0x45].includes(byte));
