/** docs/mobile/sdk-behaviour.md in TypeScript: clocks. */
import { describe, expect, it } from '@jest/globals';
import { bytesOf, calls, codeOf, inTheField, network, phone, publishedModel } from './field.ts';

inTheField();

describe('clocks', () => {
  it.each([-600_000, 7_200_000])(
    'R16 a clock %d ms off is told with the service’s time, and costs no grant',
    async (off) => {
      const [ann, model] = [phone(), await publishedModel()];
      ann.clockAheadMs = off;
      const models = ann.start();
      for (let attempt = 0; attempt < 2; attempt++) {
        const error = await models.get(model.id).catch((refusal: unknown) => refusal);
        expect(error).toMatchObject({ code: 'clock_wrong' });
        const { serverTime } = error as { serverTime: Date };
        expect(Math.abs(serverTime.getTime() - Date.now())).toBeLessThan(5_000);
      }
      expect(calls('grant')).toEqual([0]);
      ann.clockAheadMs = 0;
      expect((await bytesOf(await models.get(model.id))).equals(model.bytes)).toBe(true);
    },
  );

  it('R17 a clock that was ahead is healed by a renewal, and costs no grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.clockAheadMs = 1_800_000;
    await ann.start().get(model.id);
    ann.clockAheadMs = 0;
    // A licence of the same second is no newer, and brings no time.
    await new Promise((done) => setTimeout(done, 1100));
    const models = ann.start();
    network.order({ call: 'challenge', kind: 'reset', times: 4 });
    expect(await codeOf(models.get(model.id))).toBe('clock-rolled-back');
    expect((await bytesOf(await models.get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant', 'renew')).toEqual([1, 1]);
  });
});
