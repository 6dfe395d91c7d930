/**
 * An identifier's 16 or 12 bytes as 4,096 chips: a Reed-Solomon code over GF(256) makes 32 symbols of
 * them, of which any 16 or 12 would do; each symbol is one of the 256 words of the biorthogonal code of length 128.
 * Decoding is soft: what a symbol could be is weighed, never decided before all have been heard.
 */
import { interpolation, multiply } from './galois.ts';

export const SYMBOLS = 32;
const SYMBOL_CHIPS = 128;
const SYMBOL_VALUES = 256;
export const CHIPS = SYMBOLS * SYMBOL_CHIPS;

const ALL_SYMBOLS = Array.from({ length: SYMBOLS }, (_, symbol) => symbol);

/** Second guesses at a symbol that decoding tries, and at how many symbols at a time. */
const ALTERNATIVES = 3;
const MAX_CHANGED = 3;

/** Row `symbol`: the factors of the known symbols' values that sum to it. */
const generator = (known: readonly number[]) =>
  ALL_SYMBOLS.map((symbol) => interpolation(known, symbol));

function codeword(
  factors: readonly (readonly number[])[],
  known: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(factors, (row) =>
    row.reduce((sum, factor, i) => sum ^ multiply(factor, known[i] ?? 0), 0),
  );
}

/** The chips, 0 or 1. */
export function encodeIdentifier(bytes: Uint8Array): Uint8Array {
  const systematic = ALL_SYMBOLS.slice(0, bytes.byteLength);
  const symbols = codeword(generator(systematic), bytes);
  const chips = new Uint8Array(CHIPS);
  symbols.forEach((value, symbol) => {
    for (let chip = 0; chip < SYMBOL_CHIPS; chip++) {
      chips[symbol * SYMBOL_CHIPS + chip] = parity(chip & value) ^ (value >>> 7);
    }
  });
  return chips;
}

/** The parity of seven bits. */
function parity(bits: number): number {
  let folded = bits & 127;
  folded ^= folded >>> 4;
  folded ^= folded >>> 2;
  return (folded ^ (folded >>> 1)) & 1;
}

/**
 * The likeliest `length` bytes, given for each chip how much speaks for a 0 in it (negative: for a 1).
 * There always are such bytes: whether they are anyone's is for the caller to confirm.
 */
export function decodeIdentifier(chips: Float64Array, length: number): Uint8Array {
  const scores = ALL_SYMBOLS.map((symbol) =>
    symbolScores(chips.subarray(symbol * SYMBOL_CHIPS, (symbol + 1) * SYMBOL_CHIPS)),
  );
  const guesses = scores.map((ofSymbol) => {
    const ranked = Array.from(ofSymbol, (score, value) => ({ score, value }));
    return ranked.sort((a, b) => b.score - a.score).slice(0, ALTERNATIVES + 1);
  });
  // The most reliable symbols, as far as their best guess is ahead of the second.
  const lead = (symbol: number) =>
    (guesses[symbol]?.[0]?.score ?? 0) - (guesses[symbol]?.[1]?.score ?? 0);
  const known = [...ALL_SYMBOLS].sort((a, b) => lead(b) - lead(a)).slice(0, length);
  const search = new Search(generator(known), scores);
  search.run(known.map((symbol) => guesses[symbol]?.map(({ value }) => value) ?? []));
  return search.best.slice(0, length);
}

/** How much speaks for each of the 256 values: the fast Walsh-Hadamard transform of the chips. */
function symbolScores(chips: Float64Array): Float64Array {
  const sums = Float64Array.from(chips);
  for (let half = 1; half < SYMBOL_CHIPS; half *= 2) {
    for (let at = 0; at < SYMBOL_CHIPS; at++) {
      if (at & half) continue;
      const [a, b] = [sums[at] as number, sums[at + half] as number];
      sums[at] = a + b;
      sums[at + half] = a - b;
    }
  }
  return Float64Array.from({ length: SYMBOL_VALUES }, (_, value) => {
    const sum = sums[value & 127] as number;
    return value < SYMBOL_CHIPS ? sum : -sum;
  });
}

/** Ordered-statistics decoding: the reliable half of the symbols, with up to three of them second guesses. */
class Search {
  best = new Uint8Array(SYMBOLS);
  #bestScore = Number.NEGATIVE_INFINITY;
  readonly #factors: readonly (readonly number[])[];
  readonly #scores: readonly Float64Array[];

  constructor(factors: readonly (readonly number[])[], scores: readonly Float64Array[]) {
    this.#factors = factors;
    this.#scores = scores;
  }

  /** `guesses`: for each known symbol its values, the likeliest first. */
  run(guesses: readonly (readonly number[])[]): void {
    const first = Uint8Array.from(guesses, ([value]) => value ?? 0);
    this.#descend(codeword(this.#factors, first), guesses, 0, MAX_CHANGED);
  }

  #descend(
    word: Uint8Array<ArrayBuffer>,
    guesses: readonly (readonly number[])[],
    from: number,
    changes: number,
  ): void {
    this.#consider(word);
    if (changes === 0) return;
    for (let i = from; i < guesses.length; i++) {
      const [first = 0, ...others] = guesses[i] ?? [];
      for (const value of others) {
        // The code is linear: another value of one symbol adds a multiple of one column.
        const changed = word.map(
          (symbol, s) => symbol ^ multiply(this.#factors[s]?.[i] ?? 0, first ^ value),
        );
        this.#descend(changed, guesses, i + 1, changes - 1);
      }
    }
  }

  #consider(word: Uint8Array<ArrayBuffer>): void {
    let score = 0;
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      score += this.#scores[symbol]?.[word[symbol] ?? 0] ?? 0;
    }
    if (score > this.#bestScore) {
      this.#bestScore = score;
      this.best = word;
    }
  }
}
