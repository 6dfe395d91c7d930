import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { COLLUSIONS } from '../../test/watermark/attacks.ts';
import { markedCopy, realModel } from '../../test/watermark/model.ts';
import { leakOf, weightsOf } from '../../test/watermark/weights.ts';
import { fingerprintOf } from './fingerprint.ts';
import { observeLeak } from './observe.ts';
import { Scan, scanTables } from './scan.ts';
import { scanCandidates } from './scan-threads.ts';
import { type Investigation, investigate, testSuspect } from './suspects.ts';

const traceKey = createRandom(31).bytes(32);
/** Enough for threads to start, and for several batches of each. */
const SUSPECTS = 14_000;
const nameOf = (i: number) => fingerprintOf(traceKey, { userId: `u_${i}`, deviceId: `d_${i}` });
/** One who is looked at before threads start, one in the midst, the very last. */
const guilty = [3, 11_000, SUSPECTS - 1].map(nameOf);

let investigation: Investigation;
beforeAll(async () => {
  const model = await realModel('segmentation');
  const copies = guilty.map((name) =>
    weightsOf(markedCopy(model, traceKey, name, 'resistant'), model.layers),
  );
  const leak = leakOf(COLLUSIONS.average(copies, createRandom(1)));
  const original = { ...model, strength: 'resistant' as const };
  investigation = investigate(observeLeak(original, leak, traceKey), traceKey);
}, 60_000);

async function* suspects() {
  for (let i = 0; i < SUSPECTS; i++) yield nameOf(i);
}

describe('scanCandidates', () => {
  it('finds in threads whom one scan alone finds, and tests each once', async () => {
    const alone = new Scan(scanTables(investigation));
    for (let i = 0; i < SUSPECTS; i++) alone.add(nameOf(i), investigation.copies);
    const progress: number[] = [];
    const { tested, best } = await scanCandidates(investigation, traceKey, suspects(), (count) =>
      progress.push(count),
    );
    expect(tested).toBe(SUSPECTS);
    expect(progress.at(-1)).toBe(SUSPECTS);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    // Each thread keeps as many as one scan, so that nobody whom that keeps is lost.
    expect(best).toEqual(expect.arrayContaining([...alone.best()]));
    const accused = best.filter((name) => testSuspect(investigation, name, SUSPECTS).log10P < -9);
    expect(accused.toSorted()).toEqual(guilty.toSorted());
  }, 120_000);

  it('fails where a thread fails', async () => {
    const broken = (async function* () {
      for await (const name of suspects()) yield name;
      yield 'f_broken';
    })();
    await expect(scanCandidates(investigation, traceKey, broken)).rejects.toThrow();
  }, 120_000);
});
