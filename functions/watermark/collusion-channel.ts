/**
 * What colluders did, as far as the leak itself tells: for each number of ones among their copies,
 * how often each kind of response comes of it. From that, what each position says for a 1 against a
 * 0 in a suspect's copy. No strategy is assumed; that is the "universal" decoding of Meerwald and
 * Furon (https://arxiv.org/abs/1104.5616). The estimate looks at no suspect's copy, so
 * that innocents are as independent of it as of the leak.
 */
import { POSITIONS, THRESHOLDS } from './biased-code.ts';
import { responseSlopes } from './mean-response.ts';
import { type CodeMarks, KIND_CLASSES, KINDS } from './observations.ts';

/** Copies that are known to be among the colluders'. */
export interface KnownCopies {
  readonly count: number;
  /** Of each position how many of them have a 1. */
  readonly ones: Uint8Array;
}

const NONE_KNOWN: KnownCopies = { count: 0, ones: new Uint8Array(POSITIONS) };

const ROUNDS = 40;
/** A response that was never seen at a bias is not impossible there. */
const FLOOR = 1e-3;

/** How a decoder takes what it sees. */
export interface Assumption {
  /** So many copies were put together. */
  readonly copies: number;
  /** Whether the response to noisy marks is taken as proportional to the ones, or as what is seen of it. */
  readonly noisy: 'proportional' | 'as seen';
}

/**
 * For each position the logarithm of how much likelier the leak is with a 1 in a suspect's copy than
 * with a 0, on some assumption, and given copies that are known. A wrong assumption makes worse
 * evidence, never an unsound bound.
 */
export function positionEvidence(
  { clear, noisy }: CodeMarks,
  classes: Uint8Array,
  assumption: Assumption,
  known: KnownCopies = NONE_KNOWN,
): Float32Array {
  const evidence = new Float32Array(POSITIONS);
  addClear(evidence, clear, classes, assumption.copies, known);
  const slopes = assumption.noisy === 'as seen' ? responseSlopes(noisy, classes) : undefined;
  const { positions, sums } = noisy;
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i] as number;
    const slope = slopes?.[classes[position] as number] ?? 2;
    evidence[position] =
      (evidence[position] as number) + ((sums[i] as number) * slope) / assumption.copies;
  }
  return evidence;
}

function addClear(
  evidence: Float32Array,
  { kinds, positions }: CodeMarks['clear'],
  classes: Uint8Array,
  copies: number,
  known: KnownCopies,
): void {
  const states = known.count + 1;
  const conditionOf = (position: number) =>
    (classes[position] as number) * states + (known.ones[position] as number);
  const counts = new Float64Array(THRESHOLDS.length * states * KINDS);
  for (let i = 0; i < kinds.length; i++) {
    const at = conditionOf(positions[i] as number) * KINDS + (kinds[i] as number);
    counts[at] = (counts[at] as number) + 1;
  }
  const logs = evidenceTable(counts, copies, states);
  for (let i = 0; i < kinds.length; i++) {
    const position = positions[i] as number;
    evidence[position] =
      (evidence[position] as number) +
      (logs[conditionOf(position) * KINDS + (kinds[i] as number)] as number);
  }
}

/**
 * What half of the marks teach, held against the other half: by how much more likely it makes each of
 * them, as a logarithm, than a response that depends on nothing. Not above 0 where only chance was
 * learnt. Rows are of a bias each, columns of a kind.
 */
export function gainFromLearning(
  learnt: readonly Float64Array[],
  others: readonly Float64Array[],
  copies: number,
): number {
  const mixtures = THRESHOLDS.map((threshold) => binomial(copies, threshold / 256));
  const responses = estimate(learnt, mixtures, copies);
  const kinds = learnt[0]?.length ?? 0;
  const alike = normalised(
    weightedSum(
      learnt,
      learnt.map(() => 1),
      kinds,
    ),
  );
  let [gain, marks] = [0, 0];
  others.forEach((row, bias) => {
    row.forEach((count, kind) => {
      const likelihood = (mixtures[bias] as Float64Array).reduce(
        (all, weight, z) => all + weight * ((responses[z] as Float64Array)[kind] as number),
        0,
      );
      gain += count * Math.log(likelihood / (alike[kind] as number));
      marks += count;
    });
  });
  return gain / Math.max(1, marks);
}

/** For each condition (bias and ones among the known) and kind: log P(kind | 1) / P(kind | 0). */
function evidenceTable(counts: Float64Array, copies: number, states: number): Float64Array {
  const conditions = counts.length / KINDS;
  const unknown = copies - states + 1;
  // How many ones there are in all, given the condition.
  const mixtures = Array.from({ length: conditions }, (_, condition) => {
    const bias = (THRESHOLDS[Math.floor(condition / states)] as number) / 256;
    return shifted(binomial(unknown, bias), condition % states, copies);
  });
  const others = Array.from({ length: conditions }, (_, condition) => {
    const bias = (THRESHOLDS[Math.floor(condition / states)] as number) / 256;
    return shifted(binomial(unknown - 1, bias), condition % states, copies);
  });
  const table = new Float64Array(counts.length);
  for (const { first, count } of KIND_CLASSES) {
    const rows = Array.from({ length: conditions }, (_, condition) =>
      counts.subarray(condition * KINDS + first, condition * KINDS + first + count),
    );
    if (rows.every((row) => row.every((n) => n === 0))) continue;
    const responses = estimate(rows, mixtures, copies);
    for (let condition = 0; condition < conditions; condition++) {
      const ones = others[condition] as Float64Array;
      for (let kind = 0; kind < count; kind++) {
        let [withOne, withZero] = [0, 0];
        for (let z = 0; z < copies; z++) {
          const weight = ones[z] as number;
          withZero += weight * ((responses[z] as Float64Array)[kind] as number);
          withOne += weight * ((responses[z + 1] as Float64Array)[kind] as number);
        }
        table[condition * KINDS + first + kind] = Math.log(withOne / withZero);
      }
    }
  }
  return table;
}

/**
 * By expectation and maximisation: how likely each kind is with z ones among the copies, z from 0 to
 * `copies`. It starts from what was seen at the biases that are likeliest to give so many ones.
 */
function estimate(
  rows: readonly Float64Array[],
  mixtures: readonly Float64Array[],
  copies: number,
): Float64Array[] {
  const kinds = rows[0]?.length ?? 0;
  let responses = Array.from({ length: copies + 1 }, (_, z) =>
    normalised(
      weightedSum(
        rows.map((row) => normalised(row.slice())),
        mixtures.map((mixture) => mixture[z] as number),
        kinds,
      ),
    ),
  );
  for (let round = 0; round < ROUNDS; round++) {
    const next = Array.from({ length: copies + 1 }, () => new Float64Array(kinds));
    rows.forEach((row, condition) => {
      const mixture = mixtures[condition] as Float64Array;
      for (let kind = 0; kind < kinds; kind++) {
        const seen = row[kind] as number;
        if (seen === 0) continue;
        let all = 0;
        for (let z = 0; z <= copies; z++) {
          all += (mixture[z] as number) * ((responses[z] as Float64Array)[kind] as number);
        }
        for (let z = 0; z <= copies; z++) {
          const share = (mixture[z] as number) * ((responses[z] as Float64Array)[kind] as number);
          const target = next[z] as Float64Array;
          target[kind] = (target[kind] as number) + (seen * share) / all;
        }
      }
    });
    responses = next.map(normalised);
  }
  return responses;
}

function weightedSum(rows: readonly Float64Array[], weights: readonly number[], kinds: number) {
  const sum = new Float64Array(kinds);
  rows.forEach((row, i) => {
    for (let kind = 0; kind < kinds; kind++) {
      sum[kind] = (sum[kind] as number) + (weights[i] as number) * (row[kind] as number);
    }
  });
  return sum;
}

/** As probabilities, none of them zero. */
function normalised(counts: Float64Array): Float64Array {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const floor = FLOOR / counts.length;
  return counts.map((n) => (total > 0 ? (n / total) * (1 - FLOOR) : 0) + floor);
}

/** Of so many trials; all zeros for fewer than none. */
function binomial(trials: number, p: number): Float64Array {
  let row = Float64Array.of(trials < 0 ? 0 : 1);
  for (let n = 0; n < trials; n++) {
    row = Float64Array.from(
      { length: n + 2 },
      (_, z) => (row[z] ?? 0) * (1 - p) + (row[z - 1] ?? 0) * p,
    );
  }
  return row;
}

const shifted = (row: Float64Array, by: number, copies: number) =>
  Float64Array.from({ length: copies + 1 }, (_, z) => row[z - by] ?? 0);
