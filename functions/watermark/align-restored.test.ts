import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { SINGLE_ATTACKS } from '../../test/watermark/attacks.ts';
import { disguise, factored, padded, split } from '../../test/watermark/disguise.ts';
import {
  type LoadedModel,
  markedCopy,
  randomFingerprint,
  realModel,
} from '../../test/watermark/model.ts';
import { leakOf, type Weights, weightsOf } from '../../test/watermark/weights.ts';
import { observeLeak } from './observe.ts';
import { investigate, testSuspect } from './suspects.ts';

const random = createRandom(23);
const traceKey = random.bytes(32);
const thief = randomFingerprint(random);

let model: LoadedModel;
let copy: readonly Weights[];
beforeAll(async () => {
  model = await realModel('segmentation');
  copy = weightsOf(markedCopy(model, traceKey, thief, 'resistant'), model.layers);
});

function traced(weights: readonly Weights[]) {
  const leak = observeLeak({ ...model, strength: 'resistant' }, leakOf(weights), traceKey);
  const investigation = investigate(leak, traceKey);
  return {
    coverage: leak.coverage,
    thief: testSuspect(investigation, thief).log10P,
    innocent: testSuspect(investigation, randomFingerprint(random)).log10P,
  };
}

describe('a copy whose function was left alone', () => {
  it('is named with channels permuted, scaled and turned round, and axes in another order', () => {
    const found = traced(random.shuffled(disguise(copy, createRandom(1))));
    expect(found.coverage).toBe(1);
    expect(found.thief).toBeLessThan(-1000);
    expect(found.innocent).toBeGreaterThan(-3);
  });

  it('is named after that and noise', () => {
    const noisy = SINGLE_ATTACKS.noise_1(copy, createRandom(2));
    expect(traced(disguise(noisy, createRandom(3))).thief).toBeLessThan(-40);
  });

  it('is named with neurons added that nothing listens to', () => {
    expect(traced(padded(copy, createRandom(4))).thief).toBeLessThan(-1000);
  });

  it('is named with its tensors split', () => {
    expect(traced(split(copy)).thief).toBeLessThan(-1000);
  });

  it('is named with its matrices as factors, one layer after the other', () => {
    const found = traced(random.shuffled(factored(copy, createRandom(5))));
    expect(found.coverage).toBe(1);
    expect(found.thief).toBeLessThan(-1000);
    expect(found.innocent).toBeGreaterThan(-3);
  });
});

describe('another model', () => {
  it('has nothing in common, however its tensors are turned', async () => {
    const other = await realModel('pose_lite');
    expect(() => traced(weightsOf(other.bytes, other.layers).slice(0, 40))).toThrow(
      expect.objectContaining({ code: 'nothing-in-common' }),
    );
  });
});
