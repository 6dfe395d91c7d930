/** docs/mobile/sdk-behaviour.md in TypeScript: networks. */
import { describe, expect, it } from '@jest/globals';
import { bytesOf, calls, codeOf, inTheField, network, phone, publishedModel } from './field.ts';

inTheField();

describe('networks', () => {
  it.each(['portal', 'redirect', 'login', 'reset', 'recompress'] as const)(
    'R18 nobody else’s answer is believed, and it is asked again: %s',
    async (kind) => {
      const [ann, model] = [phone(), await publishedModel()];
      for (const call of ['challenge', 'enrol', 'grant', 'download'] as const) {
        network.order({ call, kind });
      }
      expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    },
  );

  it('R18 where it goes on, the code says so', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'challenge', kind: 'portal', times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('intercepted');
    network.reset();
    network.order({ call: 'challenge', kind: 'reset', times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('unreachable');
  });

  it('R19 a download goes on through cuts, dropped ranges and damage', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order(
      { call: 'download', kind: 'truncate', bytes: 1_200_000 },
      { call: 'download', kind: 'drop-range' },
      { call: 'download', kind: 'damage', bytes: 1_700_000 },
    );
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([1]);
  });

  it.each(['early-range', 'range-as-whole'] as const)(
    'R45 which bytes came says the answer itself: %s',
    async (kind) => {
      const [ann, model] = [phone(), await publishedModel()];
      network.order(
        { call: 'download', kind: 'truncate', bytes: 1_200_000 },
        { call: 'download', kind, times: 9 },
      );
      expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
      expect(calls('grant', 'download')).toEqual([1, 2]);
    },
  );

  it('R46 a network that falls silent is asked again, and is unreachable where it stays so', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.silenceMs = 1000;
    network.order(
      { call: 'challenge', kind: 'silent' },
      { call: 'grant', kind: 'silent' },
      { call: 'download', kind: 'silent' },
      { call: 'download', kind: 'silent', bytes: 1_200_000 },
    );
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    network.order({ call: 'challenge', kind: 'silent', times: 9 });
    expect(await codeOf(ann.start().get('another'))).toBe('unreachable');
  });

  it('R19 and R20 damage that stays is chunk-forged, and leaves nothing', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'download', kind: 'damage', bytes: 200, times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('chunk-forged');
    expect(ann.files()).toEqual([]);
  });

  it('R20 what a network does is not reported, and what proves broken bytes is', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    network.order(
      { call: 'grant', kind: 'portal', times: 4 },
      { call: 'download', kind: 'truncate', bytes: 1_200_000 },
      { call: 'download', kind: 'login', times: 4 },
    );
    expect(await codeOf(models.get(model.id))).toBe('intercepted');
    expect(await codeOf(models.get(model.id))).toBe('intercepted');
    network.endFaults();
    await models.sendReports();
    expect(network.reported).toEqual([]);
    network.order({ call: 'download', kind: 'damage', bytes: 200, times: 9 });
    expect(await codeOf(models.get(model.id))).toBe('chunk-forged');
    await models.sendReports();
    expect(network.reported).toEqual([
      expect.objectContaining({ type: 'model.open_failed', cause: 'chunk-forged' }),
    ]);
  });

  it.each([{ status: 403 }, { status: 503, times: 4 }])(
    'R21 where the download is refused for good, one new grant is asked for: %j',
    async (fault) => {
      const [ann, model] = [phone(), await publishedModel()];
      network.order({ call: 'download', kind: 'status', ...fault });
      expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
      expect(calls('grant')).toEqual([2]);
    },
  );

  it('R21 and not more than one', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'download', kind: 'status', status: 404, times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('url_ended');
    expect(calls('grant')).toEqual([2]);
  });

  it('R22 what passes is retried, and what does not is not', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'grant', kind: 'status', status: 503, code: 'unavailable', times: 2 });
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([3]);
    expect(await codeOf(ann.start().get('no-such-model'))).toBe('model_unknown');
    expect(calls('grant')).toEqual([4]);
  });
});
