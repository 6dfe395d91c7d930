/** From what a leak says to whom it names, with the probability that the accusation is false. */
import { createCipheriv } from 'node:crypto';
import { GRANT_BYTES, grantBytes, grantIdOf } from './grant-id.ts';
import { groupBits } from './group-word.ts';
import { decodeIdentifier } from './identifier-code.ts';
import { BLOCK_BYTES, grantKey, Keystream, writeCounter } from './keystream.ts';
import type { Residuals } from './residuals.ts';

export interface Finding {
  readonly grantId: string;
  /** The correlation of the leak with the grant's own sequence, in deviations of an innocent's. */
  readonly deviations: number;
  /** The decimal logarithm of the bound on the probability that an innocent would do as well. */
  readonly log10P: number;
  /** How much of the mark is left: 1 untouched, 1/c in the average of c copies. */
  readonly survival: number;
  /** Of the marks that were compared, the share that says the opposite; those that say nothing count half. */
  readonly bitErrorRate: number;
}

/** A grant is named where an innocent would be with a probability below this. */
export const NAMED_LOG10P = -9;

/**
 * Whether a grant's own sequence is in a leak. Its signs are, to whoever made a leak without that
 * grant's copy, independent coin tosses; by Hoeffding's inequality (https://doi.org/10.1080/01621459.1963.10500830)
 * an innocent's sum reaches t with a probability of at most exp(−t² / 2Σe²), whatever was done to the leak.
 * `tested` is among how many grants this one was chosen. Throws `grant-id-invalid`.
 */
export function testGrant(
  { own, ownExpected, ownCompared }: Residuals,
  traceKey: Uint8Array,
  grantId: string,
  tested = 1,
): Finding {
  const { bits } = groupBits(new Keystream(grantKey(traceKey, grantBytes(grantId))), 0, own.length);
  let [sum, squares, wrong, silent] = [0, 0, 0, own.length];
  for (let group = 0; group < own.length; group++) {
    const evidence = own[group] as number;
    if (evidence === 0) continue;
    const bit = ((bits[group >>> 3] as number) >>> (group & 7)) & 1;
    const agreement = bit === 0 ? evidence : -evidence;
    sum += agreement;
    squares += evidence * evidence;
    if (agreement < 0) wrong += 1;
    silent -= 1;
  }
  silent -= own.length - ownCompared;
  return {
    grantId,
    deviations: squares > 0 ? sum / Math.sqrt(squares) : 0,
    log10P: log10Bound(sum, squares, tested),
    survival: ownExpected > 0 ? sum / ownExpected : 0,
    bitErrorRate: ownCompared > 0 ? (wrong + silent / 2) / ownCompared : 0.5,
  };
}

/** Hoeffding's bound for one, times the number of those who could have been accused instead. */
function log10Bound(sum: number, squares: number, tested: number): number {
  if (sum <= 0 || squares === 0) return 0;
  return Math.min(0, -(sum * sum) / (2 * squares) / Math.LN10 + Math.log10(tested));
}

/** The grant that the leak spells, without any list; that it is one, only its `log10P` says. */
export function decodeGrantId(residuals: Residuals, traceKey: Uint8Array): Finding {
  return testGrant(residuals, traceKey, grantIdOf(decodeIdentifier(residuals.chips, GRANT_BYTES)));
}

export interface RankOptions {
  /** How many of the best to test in full. */
  readonly keep?: number;
  /** Called now and then with the number of grants tested. */
  readonly onProgress?: (tested: number) => void;
}

export interface Ranking {
  readonly tested: number;
  /** The likeliest first; their `log10P` allows for all that were tested. */
  readonly findings: readonly Finding[];
}

const KEPT = 64;
const PROGRESS_EVERY = 1000;

/**
 * Which of the candidates' sequences are in the leak: all by a sample of the marks, the best in full.
 * Throws `grant-id-invalid`.
 */
export async function rankCandidates(
  residuals: Residuals,
  traceKey: Uint8Array,
  grantIds: AsyncIterable<string> | Iterable<string>,
  { keep = KEPT, onProgress }: RankOptions = {},
): Promise<Ranking> {
  const sample = new Sample(residuals.own);
  const best: { grantId: string; score: number }[] = [];
  let tested = 0;
  for await (const grantId of grantIds) {
    const score = sample.score(grantKey(traceKey, grantBytes(grantId)));
    tested += 1;
    if (best.length < keep || score > (best.at(-1)?.score ?? 0)) {
      const at = best.findIndex((other) => other.score < score);
      best.splice(at < 0 ? best.length : at, 0, { grantId, score });
      if (best.length > keep) best.pop();
    }
    if (tested % PROGRESS_EVERY === 0) onProgress?.(tested);
  }
  onProgress?.(tested);
  const findings = best.map(({ grantId }) => testGrant(residuals, traceKey, grantId, tested));
  return { tested, findings: findings.sort((a, b) => a.log10P - b.log10P) };
}

const BLOCK_GROUPS = BLOCK_BYTES * 8;
const SAMPLE_BLOCKS = 256;

/** The part of the evidence that says most, ready to be held against many grants. */
class Sample {
  /** The counters of the key stream's blocks, which make them in any order. */
  readonly #counters: Uint8Array;
  /** For each byte of these blocks, the sum of the evidence for each of its 256 values. */
  readonly #sums: Float32Array;

  constructor(own: Float32Array) {
    const blocks = Array.from({ length: Math.ceil(own.length / BLOCK_GROUPS) }, (_, block) => {
      const evidence = own.subarray(block * BLOCK_GROUPS, (block + 1) * BLOCK_GROUPS);
      return { block, weight: evidence.reduce((sum, e) => sum + e * e, 0) };
    });
    const chosen = blocks.sort((a, b) => b.weight - a.weight).slice(0, SAMPLE_BLOCKS);
    this.#counters = new Uint8Array(chosen.length * BLOCK_BYTES);
    this.#sums = new Float32Array(chosen.length * BLOCK_BYTES * 256);
    chosen.forEach(({ block }, i) => {
      writeCounter(this.#counters, i * BLOCK_BYTES, block);
      for (let byte = 0; byte < BLOCK_BYTES; byte++) {
        const first = block * BLOCK_GROUPS + byte * 8;
        this.#fill((i * BLOCK_BYTES + byte) * 256, own.subarray(first, first + 8));
      }
    });
  }

  score(key: Uint8Array): number {
    // ECB over the counters is CTR's key stream at these blocks.
    const bytes = createCipheriv('aes-256-ecb', key, null).update(this.#counters);
    let sum = 0;
    for (let i = 0; i < bytes.length; i++)
      sum += this.#sums[i * 256 + (bytes[i] as number)] as number;
    return sum;
  }

  #fill(at: number, evidence: Float32Array): void {
    this.#sums[at] = evidence.reduce((sum, e) => sum + e, 0);
    for (let value = 1; value < 256; value++) {
      // As for the value without its lowest 1, which turns one summand round.
      const lowest = 31 - Math.clz32(value & -value);
      const without = this.#sums[at + (value & (value - 1))] as number;
      this.#sums[at + value] = without - 2 * (evidence[lowest] ?? 0);
    }
  }
}
