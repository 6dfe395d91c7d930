/** The strength against collusion: who is accused by what many colluders make, how fast suspects are scanned. */

import { fingerprintOf } from '../../functions/watermark/fingerprint.ts';
import { observeLeak } from '../../functions/watermark/observe.ts';
import { Scan, scanTables } from '../../functions/watermark/scan.ts';
import {
  ACCUSED_LOG10P,
  findAccomplices,
  type Investigation,
  investigate,
} from '../../functions/watermark/suspects.ts';
import type { Figure } from '../support/figure.ts';
import { createRandom } from '../support/random.ts';
import { COLLUSIONS, SINGLE_ATTACKS } from '../watermark/attacks.ts';
import { disguise } from '../watermark/disguise.ts';
import { type LoadedModel, markedCopy, randomFingerprint } from '../watermark/model.ts';
import { leakOf, type Weights, weightsOf } from '../watermark/weights.ts';

const COLLUDERS = [2, 3, 5, 10, 16, 25];
/** Of the large model, whose copies take up much memory. */
const MAX_LARGE = 16;
/** On record beside the guilty, and among so many their bounds are computed. */
const INNOCENTS = 20_000;
const LISTED = 1_000_000;
const SCANNED = 20_000;

const random = createRandom(18);
const traceKey = random.bytes(32);
const innocents = Array.from({ length: INNOCENTS }, () => randomFingerprint(random));

export async function resistantFigures(small: LoadedModel, large: LoadedModel): Promise<Figure[]> {
  const tally = { leaks: 0, false: 0 };
  return [
    ...collusions('small', small, COLLUDERS, tally),
    ...collusions(
      'large',
      large,
      COLLUDERS.filter((count) => count <= MAX_LARGE),
      tally,
    ),
    disguised('small', small),
    disguised('large', large),
    {
      name: 'trace.false_accusations.resistant',
      value: tally.false,
      unit: '',
      note: `${tally.leaks} leaks by colluders, ${INNOCENTS} innocents each: ${tally.leaks * INNOCENTS} tests`,
    },
    scanTime(small),
  ];
}

const copyOf = (model: LoadedModel, name: string) =>
  weightsOf(markedCopy(model, traceKey, name, 'resistant'), model.layers);

const investigated = (model: LoadedModel, weights: readonly Weights[]): Investigation =>
  investigate(
    observeLeak({ ...model, strength: 'resistant' }, leakOf(weights), traceKey),
    traceKey,
  );

/** Each strategy with each number of copies, as it is and under 1 % of noise and 8 bits. */
function collusions(
  size: string,
  model: LoadedModel,
  counts: readonly number[],
  tally: { leaks: number; false: number },
): Figure[] {
  const figures: Figure[] = [];
  for (const count of counts) {
    const guilty = Array.from({ length: count }, () => randomFingerprint(random));
    const copies = guilty.map((name) => copyOf(model, name));
    const weakest = { plain: '', plainLog10P: -1e9, noisy: '', noisyLog10P: -1e9 };
    let [named, noisyNamed] = [0, 0];
    for (const [strategy, combine] of Object.entries(COLLUSIONS)) {
      const leak = combine(copies, random);
      const noisy = SINGLE_ATTACKS.int8_channel(SINGLE_ATTACKS.noise_1(leak, random), random);
      const [plain, loud] = [leak, noisy].map((weights) =>
        accusedBy(investigated(model, weights), guilty, tally),
      ) as [number, number];
      named += plain < ACCUSED_LOG10P ? 1 : 0;
      noisyNamed += loud < ACCUSED_LOG10P ? 1 : 0;
      if (plain > weakest.plainLog10P) [weakest.plain, weakest.plainLog10P] = [strategy, plain];
      if (loud > weakest.noisyLog10P) [weakest.noisy, weakest.noisyLog10P] = [strategy, loud];
    }
    const all = Object.keys(COLLUSIONS).length;
    figures.push(
      {
        name: `trace.colluders_${count}.${size}`,
        value: named / all,
        unit: '',
        note: `of ${all} strategies, a guilty device accused among ${LISTED}; weakest ${weakest.plain}, 1e${weakest.plainLog10P.toFixed(0)}`,
      },
      {
        name: `trace.colluders_${count}_noise_int8.${size}`,
        value: noisyNamed / all,
        unit: '',
        note: `the same with 1 % of noise and 8 bits; weakest ${weakest.noisy}, 1e${weakest.noisyLog10P.toFixed(0)}`,
      },
    );
    console.error(`${size}, ${count} colluders: ${named} and ${noisyNamed} of ${all}`);
  }
  return figures;
}

/** The bound of the guilty device that is heard best. */
function accusedBy(
  investigation: Investigation,
  guilty: readonly string[],
  tally: { leaks: number; false: number },
): number {
  const scan = new Scan(scanTables(investigation));
  for (const name of [...innocents, ...guilty]) scan.add(name, investigation.copies);
  const found = findAccomplices(investigation, scan.best(), LISTED);
  tally.leaks += 1;
  // At the bound for those that were tested, which is easier to fall below.
  tally.false += findAccomplices(investigation, scan.best(), scan.tested).filter(
    ({ fingerprint, log10P }) => log10P < ACCUSED_LOG10P && !guilty.includes(fingerprint),
  ).length;
  return found.find(({ fingerprint }) => guilty.includes(fingerprint))?.log10P ?? 0;
}

function disguised(size: string, model: LoadedModel): Figure {
  const thief = randomFingerprint(random);
  const leak = disguise(copyOf(model, thief), random);
  const start = performance.now();
  const [found] = findAccomplices(investigated(model, leak), [thief], LISTED);
  return {
    name: `trace.seconds_disguised.${size}`,
    value: (performance.now() - start) / 1000,
    unit: 's',
    note: `channels permuted, scaled, turned round, axes in another order: 1e${(found?.log10P ?? 0).toFixed(0)}`,
  };
}

function scanTime(model: LoadedModel): Figure {
  const leak = SINGLE_ATTACKS.noise_1(copyOf(model, randomFingerprint(random)), random);
  const investigation = investigated(model, leak);
  const scan = new Scan(scanTables(investigation));
  const start = process.cpuUsage();
  for (let i = 0; i < SCANNED; i++) {
    const recipient = { userId: `u_${i}`, deviceId: `d_${i}` };
    scan.add(fingerprintOf(traceKey, recipient), investigation.copies);
  }
  const { user, system } = process.cpuUsage(start);
  const microseconds = (user + system) / SCANNED;
  return {
    name: 'trace.scan_us_per_suspect',
    value: microseconds,
    unit: 'µs',
    note: `of one processor: 10⁸ suspects take ${((microseconds * 1e8) / 3.6e9).toFixed(1)} hours of it`,
  };
}
