import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { type Attack, COLLUSIONS, SINGLE_ATTACKS } from '../../test/watermark/attacks.ts';
import {
  type LoadedModel,
  markedCopy,
  randomGrantId,
  realModel,
} from '../../test/watermark/model.ts';
import { quantised } from '../../test/watermark/quantise.ts';
import { float32Model, leakOf, type Weights, weightsOf } from '../../test/watermark/weights.ts';
import { decodeGrantId, NAMED_LOG10P, rankCandidates, testGrant } from './accuse.ts';
import { extractResiduals, type Original } from './residuals.ts';
import { type ModelTensor, readTensors, tensorsOf } from './tensors.ts';

const random = createRandom(11);
const traceKey = random.bytes(32);
const guilty = Array.from({ length: 10 }, () => randomGrantId(random));
const [thief = ''] = guilty;
const innocents = Array.from({ length: 10_000 }, () => randomGrantId(random));

let small: LoadedModel;
let middle: LoadedModel;
/** The thief's copies. */
let smallCopy: readonly Weights[];
let middleCopy: readonly Weights[];
beforeAll(async () => {
  [small, middle] = await Promise.all([realModel('segmentation'), realModel('pose_lite')]);
  smallCopy = stolen(small);
  middleCopy = stolen(middle);
});

const original = ({ bytes, layers }: Omit<Original, 'strength'>): Original => ({
  bytes,
  layers,
  strength: 'standard',
});

/** The weights of a grant's copy. */
const stolen = (model: LoadedModel, grantId = thief) =>
  weightsOf(markedCopy(model, traceKey, grantId), model.layers);

function traced(model: Omit<Original, 'strength'>, leaked: readonly ModelTensor[]) {
  const residuals = extractResiduals(original(model), leaked, traceKey);
  return {
    residuals,
    decoded: decodeGrantId(residuals, traceKey),
    thief: testGrant(residuals, traceKey, thief),
  };
}

/** Whom a leak names among the guilty and so many of the innocent. */
async function named(
  model: LoadedModel,
  leaked: readonly ModelTensor[],
  among = 500,
): Promise<string[]> {
  const { residuals } = traced(model, leaked);
  const candidates = [...innocents.slice(0, among), ...guilty];
  const { findings } = await rankCandidates(residuals, traceKey, candidates);
  return findings.filter(({ log10P }) => log10P < NAMED_LOG10P).map(({ grantId }) => grantId);
}

/** What leaves too little of a mark to read it without knowing what to look for. */
const FAINT: ReadonlySet<string> = new Set(['int8_tensor', 'drift']);

describe.each(Object.entries<Attack>(SINGLE_ATTACKS))('one copy after %s', (name, attack) => {
  it('names its grant in the small model, with the list of grants', async () => {
    const leak = leakOf(attack(smallCopy, createRandom(3)));
    expect(await named(small, leak)).toEqual([thief]);
  });

  it(`names its grant in the middle model${FAINT.has(name) ? '' : ' and spells it'}`, () => {
    const leak = leakOf(attack(middleCopy, createRandom(3)));
    const { decoded, thief: finding } = traced(middle, leak);
    expect(finding.log10P).toBeLessThan(NAMED_LOG10P);
    expect(finding.survival).toBeGreaterThan(name === 'none' ? 0.99 : 0.5);
    if (!FAINT.has(name)) expect(decoded).toEqual(finding);
  });
});

/** What the marks of a grant withstand; suspects.test.ts has those that only a device's code does. */
const WITHSTOOD = ['average', 'median', 'mix'] as const;

describe.each([2, 5, 10])('%i copies laid side by side', (count) => {
  it.each(WITHSTOOD)('after %s name guilty grants only', async (strategy) => {
    const combine = COLLUSIONS[strategy];
    const copies = guilty.slice(0, count).map((grantId) => stolen(small, grantId));
    const accused = await named(small, leakOf(combine(copies, createRandom(4))));
    expect(accused.length).toBeGreaterThan(0);
    expect(guilty.slice(0, count)).toEqual(expect.arrayContaining(accused));
  });
});

describe('a leak in other numbers', () => {
  it('as raw 8-bit integers, whose scales are nowhere, names its grant', () => {
    const leak = smallCopy.flatMap(({ shape, values }) => {
      const bytes = new Uint8Array(quantised(values, values.length / (shape[0] ?? 1)).buffer);
      const layer = { index: 0, offset: 0, length: bytes.length, dtype: 'int8', shape };
      return tensorsOf(bytes, [layer]);
    });
    expect(traced(small, leak).thief.log10P).toBeLessThan(NAMED_LOG10P);
  });

  it('of a float32 model stored as float16 and back, names its grant', () => {
    const weights = weightsOf(small.bytes, small.layers).map(({ shape, values }) => ({
      shape,
      // Numbers that no float16 has.
      values: values.map((value) => value * (1 + 1e-4 * random.normal())),
    }));
    const model = float32Model(weights);
    const copy = tensorsOf(markedCopy(model, traceKey, thief), model.layers);
    const leak = copy.map((tensor) => ({
      ...tensor,
      value: (element: number) => Math.f16round(tensor.value(element)),
    }));
    const { decoded, thief: finding } = traced(model, leak);
    expect(decoded.grantId).toBe(thief);
    expect(finding.bitErrorRate).toBeLessThan(0.01);
  });

  it('of quantised weights names its grant', () => {
    const bytes = Uint8Array.from({ length: 1 << 18 }, () => 40 * random.normal());
    const layers = [{ index: 0, offset: 0, length: 1 << 18, dtype: 'int8', shape: [512, 512] }];
    const model = { bytes, layers };
    const leak = tensorsOf(markedCopy(model, traceKey, thief), layers);
    const { decoded, thief: finding } = traced(model, leak);
    expect(decoded.grantId).toBe(thief);
    expect(finding.bitErrorRate).toBe(0);
    expect(finding.survival).toBeCloseTo(1);
  });
});

describe('the innocent', () => {
  it.each([
    ['an unmarked model', () => weightsOf(small.bytes, small.layers)],
    ['an unmarked, noisy model', () => noisy(weightsOf(small.bytes, small.layers))],
    ['a copy under another version’s key', () => foreignKey()],
  ])('are not named by %s', async (_, weights) => {
    expect(await named(small, leakOf(weights()), innocents.length)).toEqual([]);
  });

  it('are not named by a foreign model, which has nothing in common with this one', () => {
    expect(() => traced(small, leakOf(middleCopy))).toThrow(
      expect.objectContaining({ code: 'nothing-in-common' }),
    );
  });
});

const noisy = (weights: readonly Weights[]) => SINGLE_ATTACKS.noise_1(weights, createRandom(5));
const foreignKey = () =>
  weightsOf(markedCopy(small, createRandom(6).bytes(32), thief), small.layers);

describe('readTensors', () => {
  it('reads a whole model file', async () => {
    const leak = await readTensors(markedCopy(small, traceKey, thief));
    expect(traced(small, leak).decoded).toMatchObject({ grantId: thief, bitErrorRate: 0 });
  });

  it('throws its own error and nothing else for a file that somebody has been at', async () => {
    const copy = new Uint8Array(small.bytes);
    const fuzz = createRandom(9);
    for (let run = 0; run < 150; run++) {
      const file = copy.slice(0, run % 3 === 0 ? fuzz.below(copy.length) : copy.length);
      for (let hits = 0; hits < 40 && file.length > 0; hits++) {
        const end = run % 2 ? file.length : Math.min(file.length, 2048);
        file[fuzz.below(end)] = fuzz.below(256);
      }
      const outcome = await readTensors(file).then(
        (tensors) => tensors.length,
        (error: unknown) => error,
      );
      if (typeof outcome !== 'number') expect(outcome).toMatchObject({ code: 'leak-unreadable' });
    }
  });
});
