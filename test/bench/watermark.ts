/** How surely leaks name grants, whom they never name, how fast that is, and what marking costs. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createMarking } from '../../functions/grants/watermarking.ts';
import { concat } from '../../functions/protocol/bytes.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { reseal, sealPlain } from '../../functions/protocol/stream.ts';
import {
  decodeGrantId,
  NAMED_LOG10P,
  rankCandidates,
  testGrant,
} from '../../functions/watermark/accuse.ts';
import { TraceError } from '../../functions/watermark/errors.ts';
import { extractResiduals, type Original } from '../../functions/watermark/residuals.ts';
import type { ModelTensor } from '../../functions/watermark/tensors.ts';
import type { Figure } from '../support/figure.ts';
import { createRandom } from '../support/random.ts';
import { type Attack, COLLUSIONS, SINGLE_ATTACKS } from '../watermark/attacks.ts';
import { type LoadedModel, markedCopy, randomGrantId, realModel } from '../watermark/model.ts';
import { leakOf, type Weights, weightsOf } from '../watermark/weights.ts';
import { drain, inPieces } from './streams.ts';
import { race } from './throughput.ts';
import { resistantFigures } from './watermark-resistant.ts';

const GRANTS = 50;
const INNOCENTS = 10_000;
const LISTED = 100_000;
const COLLUDERS = [2, 5, 10];
const SEAL_ROUNDS = 15;

const random = createRandom(2026);
const traceKey = random.bytes(32);
const innocents = Array.from({ length: INNOCENTS }, () => randomGrantId(random));

export async function run(): Promise<Figure[]> {
  const [small, large] = [await realModel('segmentation'), await realModel('pose_heavy')];
  return [
    ...singleAttacks('small', small),
    ...singleAttacks('large', large),
    ...(await collusions(small)),
    await falseAccusations(small, large),
    await listTime(large),
    ...(await resistantFigures(small, large)),
    ...(await sealing(large)),
  ];
}

const original = ({ bytes, layers }: LoadedModel): Original => ({
  bytes,
  layers,
  strength: 'standard',
});
const copyOf = (model: LoadedModel, grantId: string) =>
  weightsOf(markedCopy(model, traceKey, grantId), model.layers);
const residualsOf = (model: LoadedModel, leaked: readonly ModelTensor[]) =>
  extractResiduals(original(model), leaked, traceKey);

/** Each attack on each of 50 grants' copies. */
function singleAttacks(size: string, model: LoadedModel): Figure[] {
  const attacks = {
    ...SINGLE_ATTACKS,
    noise_1: rehearsed(SINGLE_ATTACKS.noise_1, model),
    drift: rehearsed(SINGLE_ATTACKS.drift, model),
  };
  const tallies = Object.entries<Attack>(attacks).map(([name, attack]) => {
    return { name, attack, errors: 0, named: 0, spelt: 0, weakest: Number.NEGATIVE_INFINITY };
  });
  for (let n = 0; n < GRANTS; n++) {
    const grantId = randomGrantId(random);
    const copy = copyOf(model, grantId);
    for (const tally of tallies) {
      const residuals = residualsOf(model, leakOf(tally.attack(copy, random)));
      const { log10P, bitErrorRate } = testGrant(residuals, traceKey, grantId, LISTED);
      const decoded = decodeGrantId(residuals, traceKey);
      tally.errors += bitErrorRate;
      tally.named += log10P < NAMED_LOG10P ? 1 : 0;
      tally.spelt += decoded.grantId === grantId && decoded.log10P < NAMED_LOG10P ? 1 : 0;
      tally.weakest = Math.max(tally.weakest, log10P);
    }
  }
  return tallies.flatMap(({ name, errors, named, spelt, weakest }) => [
    {
      name: `trace.bit_error_rate.${name}.${size}`,
      value: errors / GRANTS,
      unit: '',
      note: `of single marks, mean of ${GRANTS} grants; 0.5 would be chance`,
    },
    {
      name: `trace.named.${name}.${size}`,
      value: named / GRANTS,
      unit: '',
      note: `at p < 1e-9 among ${LISTED} grants; weakest 1e${weakest.toFixed(0)}; ${spelt / GRANTS} without a list`,
    },
  ]);
}

/** What an attack adds to the unmarked model, added to each copy: drawing it anew takes seconds. */
function rehearsed(attack: Attack, model: LoadedModel): Attack {
  const before = weightsOf(model.bytes, model.layers);
  const after = attack(before, random);
  return (weights) =>
    weights.map(({ shape, values }, tensor) => {
      const [from, to] = [before[tensor]?.values, after[tensor]?.values];
      return {
        shape,
        values: values.map((value, i) => value + ((to?.[i] ?? 0) - (from?.[i] ?? 0))),
      };
    });
}

/** Several copies laid side by side: at least one guilty grant is to be named, and no innocent one. */
async function collusions(model: LoadedModel): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of COLLUDERS) {
    for (const [name, combine] of Object.entries(COLLUSIONS)) {
      const rounds = Math.ceil(GRANTS / count);
      let [caught, named] = [0, 0];
      for (let round = 0; round < rounds; round++) {
        const guilty = Array.from({ length: count }, () => randomGrantId(random));
        const leak = leakOf(
          combine(
            guilty.map((grantId) => copyOf(model, grantId)),
            random,
          ),
        );
        const accused = await accusedBy(model, leak, [...guilty, ...innocents.slice(0, 1000)]);
        const right = accused.filter((grantId) => guilty.includes(grantId));
        caught += right.length > 0 && right.length === accused.length ? 1 : 0;
        named += right.length / count;
      }
      figures.push({
        name: `trace.named.${name}_${count}.small`,
        value: caught / rounds,
        unit: '',
        note: `of ${rounds} groups, a guilty grant and no innocent; ${((100 * named) / rounds).toFixed(0)} % of the guilty`,
      });
    }
  }
  return figures;
}

/** Whom a leak names, by the list and without. */
async function accusedBy(
  model: LoadedModel,
  leak: readonly ModelTensor[],
  grantIds: readonly string[],
): Promise<string[]> {
  const residuals = residualsOf(model, leak);
  const { findings } = await rankCandidates(residuals, traceKey, grantIds);
  const accused = [decodeGrantId(residuals, traceKey), ...findings]
    .filter(({ log10P }) => log10P < NAMED_LOG10P)
    .map(({ grantId }) => grantId);
  return [...new Set(accused)];
}

async function falseAccusations(small: LoadedModel, large: LoadedModel): Promise<Figure> {
  const unmarked = weightsOf(small.bytes, small.layers);
  const stolen = copyOf(small, randomGrantId(random));
  const leaks: [LoadedModel, readonly Weights[]][] = [
    ...[unmarked, stolen].flatMap((weights) =>
      Object.values<Attack>(SINGLE_ATTACKS).map((attack): [LoadedModel, readonly Weights[]] => [
        small,
        attack(weights, random),
      ]),
    ),
    [large, weightsOf(large.bytes, large.layers)],
    [large, unmarked],
    [small, weightsOf(large.bytes, large.layers)],
  ];
  let accusations = 0;
  for (const [model, weights] of leaks) {
    try {
      // The stolen copy's own grant is not among them, but spelling it out is no false accusation.
      const residuals = residualsOf(model, leakOf(weights));
      const { findings } = await rankCandidates(residuals, traceKey, innocents);
      accusations += findings.filter(({ log10P }) => log10P < NAMED_LOG10P).length;
    } catch (error) {
      if (!(error instanceof TraceError) || error.code !== 'nothing-in-common') throw error;
    }
  }
  return {
    name: 'trace.false_accusations',
    value: accusations,
    unit: '',
    note: `${leaks.length} leaks (unmarked, marked, attacked, foreign), ${INNOCENTS} innocents each`,
  };
}

async function listTime(model: LoadedModel): Promise<Figure> {
  const grantId = randomGrantId(random);
  const leak = leakOf(SINGLE_ATTACKS.noise_1(copyOf(model, grantId), random));
  const list = Array.from({ length: LISTED }, () => randomGrantId(random));
  list[LISTED >> 1] = grantId;
  const start = performance.now();
  const { findings } = await rankCandidates(residualsOf(model, leak), traceKey, list);
  const seconds = (performance.now() - start) / 1000;
  if (findings[0]?.grantId !== grantId) throw new Error('the list does not name the thief');
  return {
    name: 'trace.seconds_100k_grants',
    value: seconds,
    unit: 's',
    note: '27.7 MB of weights with 1 % of noise, compared and held against 100,000 grants',
  };
}

/** Vault to delivery with the mark and the digest of what was marked, against the same without. */
async function sealing({ bytes, layers, plan }: LoadedModel): Promise<Figure[]> {
  const header = { imprinted: false, chunkBytes: 1 << 20, plainBytes: bytes.byteLength, layers };
  const dataKey = crypto.randomBytes(32);
  const from = await deriveKeys(crypto, dataKey, 'vault');
  const to = await deriveKeys(crypto, crypto.randomBytes(32), 'delivery');
  const parts: Uint8Array[] = [];
  for await (const part of sealPlain(crypto, inPieces(bytes), { header, keys: from }).bytes) {
    parts.push(part);
  }
  const vault = concat(...parts);
  const result = await race(bytes.byteLength, SEAL_ROUNDS, {
    plain: () => drain(reseal(crypto, inPieces(vault), { from, to, imprint: true })),
    marked: async () => {
      const marking = await createMarking(
        dataKey,
        { grantId: randomGrantId(random), userId: 'u', deviceId: 'd' },
        layers,
        'resistant',
        plan,
      );
      const { stage } = marking;
      await drain(reseal(crypto, inPieces(vault), { from, to, imprint: true, stage }));
      marking.sha256();
    },
  });
  const growth = (await peakRss(512)) - (await peakRss(16));
  return [
    {
      name: 'trace.seal_speed_ratio',
      value: result.ratio('marked', 'plain'),
      unit: '',
      note: '27.7 MB, vault to delivery, marked and digested against neither',
    },
    {
      name: 'trace.rss_growth_mb',
      value: growth / 1e6,
      unit: 'MB',
      note: 'peak RSS, sealing and marking a 512 MiB model over a 16 MiB one',
    },
  ];
}

/** Peak resident memory in bytes of a process that seals and marks a model of so many MiB. */
async function peakRss(megabytes: number): Promise<number> {
  const script = fileURLToPath(new URL('./sealing-rss.ts', import.meta.url));
  const args = [script, String(megabytes), 'marked'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}
