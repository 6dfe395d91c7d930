import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { COLLUSIONS, SINGLE_ATTACKS } from '../../test/watermark/attacks.ts';
import { STRATEGIES } from '../../test/watermark/collusion/strategies.ts';
import {
  type LoadedModel,
  markedCopy,
  randomFingerprint,
  realModel,
} from '../../test/watermark/model.ts';
import {
  int8Model,
  int8WeightsOf,
  leakOf,
  type Weights,
  weightsOf,
} from '../../test/watermark/weights.ts';
import { codeword, POSITIONS, THRESHOLDS } from './biased-code.ts';
import { fingerprintOf } from './fingerprint.ts';
import { observeLeak } from './observe.ts';
import { Scan, scanTables } from './scan.ts';
import {
  ACCUSED_LOG10P,
  decodeFingerprint,
  findAccomplices,
  investigate,
  testSuspect,
} from './suspects.ts';

const random = createRandom(18);
const traceKey = random.bytes(32);
const guilty = Array.from({ length: 16 }, () => randomFingerprint(random));
const innocents = Array.from({ length: 500 }, () => randomFingerprint(random));
/** As many as there may be on record. */
const TESTED = 1_000_000;

let model: LoadedModel;
let copies: readonly (readonly Weights[])[];
beforeAll(async () => {
  model = await realModel('segmentation');
  copies = guilty.map((name) => copyOf(name));
}, 60_000);

const copyOf = (name: string) =>
  weightsOf(markedCopy(model, traceKey, name, 'resistant'), model.layers);

function investigated(weights: readonly Weights[]) {
  const leak = observeLeak({ ...model, strength: 'resistant' }, leakOf(weights), traceKey);
  const investigation = investigate(leak, traceKey);
  return { leak, investigation };
}

/** Whom a leak accuses of the guilty and the innocent. */
function accused(weights: readonly Weights[]): readonly string[] {
  const { investigation } = investigated(weights);
  const scan = new Scan(scanTables(investigation));
  for (const name of [...innocents, ...guilty]) scan.add(name, investigation.copies);
  return findAccomplices(investigation, scan.best(), TESTED)
    .filter(({ log10P }) => log10P < ACCUSED_LOG10P)
    .map(({ fingerprint }) => fingerprint);
}

describe('a copy of one device', () => {
  it('is named and spelt, whoever asks for how often', () => {
    const [thief = ''] = guilty;
    const { leak, investigation } = investigated(copyOf(thief));
    const spelt = decodeFingerprint(leak, investigation);
    expect(spelt.fingerprint).toBe(thief);
    expect(spelt.log10P).toBeLessThan(-5000);
    expect(spelt.deviceLog10P).toBeLessThan(-2000);
  });

  it.each(['int8_channel', 'int8_tensor', 'noise_1', 'drift', 'prune_30', 'half'] as const)(
    'is named after %s',
    (name) => {
      const attacked = SINGLE_ATTACKS[name](copies[0] ?? [], createRandom(3));
      const { investigation } = investigated(attacked);
      expect(testSuspect(investigation, guilty[0] ?? '', TESTED).log10P).toBeLessThan(-20);
    },
  );

  it('tells the user by any device, and the device from others of that user', () => {
    const recipient = { userId: 'u_ann', deviceId: 'd_phone' };
    const [phone, tablet] = [recipient, { ...recipient, deviceId: 'd_tablet' }].map((each) =>
      fingerprintOf(traceKey, each),
    ) as [string, string];
    expect(fingerprintOf(traceKey, recipient)).toBe(phone);
    const { investigation } = investigated(copyOf(phone));
    expect(testSuspect(investigation, phone).deviceLog10P).toBeLessThan(-2000);
    const other = testSuspect(investigation, tablet);
    expect(other.log10P).toBeLessThan(-1000);
    expect(other.deviceLog10P).toBeGreaterThan(-3);
  });
});

describe('copies of sixteen devices put together', () => {
  it.each(Object.keys(COLLUSIONS) as (keyof typeof COLLUSIONS)[])(
    'by %s accuse guilty devices only',
    (name) => {
      const named = accused(COLLUSIONS[name](copies, createRandom(4)));
      expect(named.length).toBeGreaterThan(0);
      expect(guilty).toEqual(expect.arrayContaining([...named]));
    },
  );

  it('by a strategy that nobody told the decoder of accuse most of them', () => {
    const [first = []] = copies;
    const oracle = createRandom(5);
    const mixed = first.map(({ shape, values }, tensor) => ({
      shape,
      // The opposite of the mean where they differ, one time in three a coin's toss.
      values: values.map((_, i) => {
        const all = copies.map((copy) => copy[tensor]?.values[i] ?? 0);
        const [low, high] = [Math.min(...all), Math.max(...all)];
        if (low === high) return low;
        if (oracle.below(3) === 0) return oracle.below(2) === 0 ? low : high;
        return low + high - all.reduce((sum, value) => sum + value, 0) / all.length;
      }),
    }));
    const named = accused(mixed);
    expect(named.length).toBeGreaterThan(8);
    expect(guilty).toEqual(expect.arrayContaining([...named]));
  });
});

describe('loud noise that drowns marks where copies differ', () => {
  it('accuses all five, since the silence elsewhere tells where they agree', () => {
    const oracle = createRandom(8);
    const drowned = STRATEGIES['drown']?.(copies.slice(0, 5), oracle) ?? [];
    const noisy = drowned.map(({ shape, values }) => ({
      shape,
      values: values.map((value) => value * (1 + 0.003 * oracle.normal())),
    }));
    expect(new Set(accused(noisy))).toEqual(new Set(guilty.slice(0, 5)));
  });
});

describe('copies of a model of 8-bit weights', () => {
  let quantised: ReturnType<typeof int8Model>;
  beforeAll(async () => {
    const middle = await realModel('pose_lite');
    quantised = int8Model(weightsOf(middle.bytes, middle.layers));
  });

  const traced = (count: number, strategy: keyof typeof COLLUSIONS) => {
    const own = guilty.slice(0, count).map((name) => {
      const file = markedCopy(quantised, traceKey, name, 'resistant');
      return int8WeightsOf(file, quantised.layers);
    });
    const leak = COLLUSIONS[strategy](own, createRandom(11));
    const observed = observeLeak(
      { ...quantised, strength: 'resistant' },
      leakOf(leak.map(({ shape, values }) => ({ shape, values: values.map(Math.round) }))),
      traceKey,
    );
    return { observed, investigation: investigate(observed, traceKey) };
  };

  it('is named and spelt, one by one', () => {
    const { observed, investigation } = traced(1, 'average');
    const spelt = decodeFingerprint(observed, investigation);
    expect(spelt.fingerprint).toBe(guilty[0]);
    expect(spelt.log10P).toBeLessThan(-100);
  });

  it.each(['average', 'median', 'min', 'max', 'minority', 'mix'] as const)(
    'are named, two of them put together by %s',
    (strategy) => {
      const { investigation } = traced(2, strategy);
      const found = findAccomplices(investigation, guilty.slice(0, 2), TESTED);
      expect(found[0]?.log10P).toBeLessThan(ACCUSED_LOG10P);
      expect(testSuspect(investigation, innocents[0] ?? '').log10P).toBeGreaterThan(-3);
    },
  );
});

describe('the innocent', () => {
  it.each([
    ['the model as it was published', () => weightsOf(model.bytes, model.layers)],
    [
      'a copy under another key',
      () =>
        weightsOf(
          markedCopy(model, createRandom(6).bytes(32), guilty[0] ?? '', 'resistant'),
          model.layers,
        ),
    ],
    ['a copy of somebody who is not on record', () => copyOf(randomFingerprint(createRandom(7)))],
  ])('are not accused by %s', (_, weights) => {
    const { investigation } = investigated(weights());
    const scan = new Scan(scanTables(investigation));
    for (const name of innocents) scan.add(name, investigation.copies);
    const [likeliest] = findAccomplices(investigation, scan.best(), innocents.length);
    expect(likeliest?.log10P).toBeGreaterThan(-2);
  });
});

describe('codeword', () => {
  it('has ones as often as each bias says', () => {
    const classes = Uint8Array.from({ length: POSITIONS }, (_, i) => i % THRESHOLDS.length);
    const bits = codeword(traceKey, guilty[0] ?? '', classes);
    THRESHOLDS.forEach((threshold, bias) => {
      const ones = bits.filter((_, i) => classes[i] === bias);
      const share = ones.reduce((sum, bit) => sum + bit, 0) / ones.length;
      expect(Math.abs(share - threshold / 256)).toBeLessThan(0.03);
    });
  });
});
