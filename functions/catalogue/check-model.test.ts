import { describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { markedCopy, randomFingerprint } from '../../test/watermark/model.ts';
import { observeLeak } from '../watermark/observe.ts';
import { ACCUSED_LOG10P, investigate, testSuspect } from '../watermark/suspects.ts';
import { tensorsOf } from '../watermark/tensors.ts';
import { checkMarks } from './check-model.ts';

const random = createRandom(41);
const SUSPECTS = 1_000_000;

/** So many marks' worth of 8-bit weights. */
function smallModel(marks: number) {
  const bytes = Uint8Array.from({ length: 512 * marks }, () => 40 * random.normal());
  const shape = [marks, 512];
  return { bytes, layers: [{ index: 0, offset: 0, length: bytes.length, dtype: 'int8', shape }] };
}

describe('the fewest marks with which a model is published', () => {
  it('name the device of a copy as it is among a million, whatever the key', () => {
    for (let run = 0; run < 12; run++) {
      const model = smallModel(256);
      expect(checkMarks('resistant', model.layers)).toBe(256);
      const [traceKey, thief] = [random.bytes(32), randomFingerprint(random)];
      const copy = tensorsOf(markedCopy(model, traceKey, thief, 'resistant'), model.layers);
      const leak = observeLeak({ ...model, strength: 'resistant' }, copy, traceKey);
      const { log10P } = testSuspect(investigate(leak, traceKey), thief, SUSPECTS);
      expect(log10P).toBeLessThan(ACCUSED_LOG10P);
    }
  });

  it('are wanted', () => {
    const { layers } = smallModel(255);
    expect(() => checkMarks('resistant', layers)).toThrow(
      expect.objectContaining({ code: 'model_invalid', reason: 'too_few_weights_to_trace' }),
    );
    expect(checkMarks('off', layers)).toBe(0);
  });
});
