/** Which of many suspects are worth a test in full: a pass over their copies' bytes, nothing else. */
import { type CopyBytes, type CopyHalves, HALF, POSITIONS, THRESHOLDS } from './biased-code.ts';
import type { Investigation } from './suspects.ts';

/** So many of the best are kept by each of the two decoders. */
const KEPT = 64;
/** Sums of so many positions stay below 2³¹. */
const MAX_WEIGHT = 2 ** 31 / POSITIONS - 1;
/** The first positions of each half are looked at first. */
const GLANCE = HALF / 4;
/**
 * Who is not this many of an innocent's deviations ahead after a glance is let go: 7 of 100 innocents
 * stay. A culprit whom all positions put at 8.5 deviations, where 10⁸ suspects begin to be told apart,
 * is at 4.25 ± 1 after a glance and let go in 3 of 1,000 cases.
 */
const AHEAD = 1.5;

/** What the scan needs, as plain arrays that threads can share. */
export interface ScanTables {
  readonly thresholds: Uint8Array;
  /** Of each decoder, what a 1 at each position counts: its evidence in whole numbers. */
  readonly weights: readonly [Int32Array, Int32Array];
  /** The sums of each decoder, after a glance, that stay. */
  readonly glances: readonly [number, number];
}

export function scanTables({ classes, decoders }: Investigation): ScanTables {
  const weights = decoders.map(({ evidence }) => inWholeNumbers(evidence));
  const thresholds = Uint8Array.from(classes, (bias) => THRESHOLDS[bias] as number);
  const [few = new Int32Array(POSITIONS), many = few] = weights;
  return {
    thresholds,
    weights: [few, many],
    glances: [glanceOf(few, thresholds), glanceOf(many, thresholds)],
  };
}

function inWholeNumbers(evidence: Float32Array): Int32Array {
  const largest = evidence.reduce((most, e) => Math.max(most, Math.abs(e)), 0);
  const scale = largest > 0 ? MAX_WEIGHT / largest : 0;
  return Int32Array.from(evidence, (e) => Math.round(e * scale));
}

/** The sum that an innocent has after a glance, and so many deviations more. */
function glanceOf(weights: Int32Array, thresholds: Uint8Array): number {
  let [mean, variance] = [0, 0];
  for (let i = 0; i < 2 * GLANCE; i++) {
    const at = i < GLANCE ? i : HALF + i - GLANCE;
    const p = (thresholds[at] as number) / 256;
    mean += (weights[at] as number) * p;
    variance += (weights[at] as number) ** 2 * p * (1 - p);
  }
  return mean + AHEAD * Math.sqrt(variance);
}

/** Keeps the best of all that it is shown, as exact sums would have them, but for rounding. */
export class Scan {
  tested = 0;
  readonly #tables: ScanTables;
  readonly #best = [new Best(), new Best()] as const;
  /** The sums of the suspect at hand, by decoder. */
  readonly #sums = new Int32Array(2);

  constructor(tables: ScanTables) {
    this.#tables = tables;
  }

  /** Throws `fingerprint-invalid`. */
  add(fingerprint: string, copies: CopyBytes): void {
    this.tested += 1;
    const { glances } = this.#tables;
    const sums = this.#sums.fill(0);
    this.#sum(copies.of(fingerprint, GLANCE), 0, GLANCE);
    if ((sums[0] as number) < glances[0] && (sums[1] as number) < glances[1]) return;
    this.#sum(copies.of(fingerprint), GLANCE, HALF);
    this.#best[0].offer(fingerprint, sums[0] as number);
    this.#best[1].offer(fingerprint, sums[1] as number);
  }

  /** The best by either decoder. */
  best(): readonly string[] {
    return [...new Set(this.#best.flatMap((best) => best.names()))];
  }

  #sum([user, device]: CopyHalves, from: number, to: number): void {
    this.#sumHalf(user, 0, from, to);
    this.#sumHalf(device, HALF, from, to);
  }

  #sumHalf(bytes: Uint8Array, half: number, from: number, to: number): void {
    // The hot loop: without a branch that no processor could predict.
    const { thresholds, weights } = this.#tables;
    const [few, many] = weights;
    let [a, b] = [0, 0];
    for (let i = from; i < to; i++) {
      const isOne = ((bytes[i] as number) - (thresholds[half + i] as number)) >> 31;
      a = (a + (isOne & (few[half + i] as number))) | 0;
      b = (b + (isOne & (many[half + i] as number))) | 0;
    }
    this.#sums[0] = (this.#sums[0] as number) + a;
    this.#sums[1] = (this.#sums[1] as number) + b;
  }
}

/** The names with the highest scores, each once. */
class Best {
  #ranked: { readonly name: string; readonly score: number }[] = [];

  offer(name: string, score: number): void {
    const full = this.#ranked.length >= KEPT;
    if (full && score <= (this.#ranked.at(-1)?.score ?? 0)) return;
    // The same device comes again with each of its grants.
    if (this.#ranked.some((other) => other.name === name)) return;
    const at = this.#ranked.findIndex((other) => other.score < score);
    this.#ranked.splice(at < 0 ? this.#ranked.length : at, 0, { name, score });
    if (this.#ranked.length > KEPT) this.#ranked.pop();
  }

  names(): string[] {
    return this.#ranked.map(({ name }) => name);
  }
}
