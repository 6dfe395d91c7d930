/** docs/mobile/sdk-behaviour.md in TypeScript: tokens and keys. */
import { describe, expect, it } from '@jest/globals';
import { bytesOf, codeOf, inTheField, network, phone, publishedModel, stack } from './field.ts';

inTheField();

describe('tokens, keys, revocation', () => {
  it('R23 a stale token is refreshed, once', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    let refreshed = 0;
    ann.userToken = async ({ forceRefresh }) => {
      if (forceRefresh) refreshed += 1;
      return refreshed === 0 ? 'stale' : stack.token(ann.user);
    };
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(refreshed).toBe(1);
  });

  it('R24 a lost key is replaced by enrolling anew', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.get(model.id);
    ann.areKeysLost = true;
    await models.sendReports();
    expect(ann.attested).toBe(2);
  });

  it('R24 a revoked copy is erased', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.get(model.id);
    await model.revoke();
    await models.sendReports();
    expect(ann.files()).toEqual([]);
    expect(await codeOf(models.get(model.id))).toBe('model_unknown');
  });

  it('R27 events are kept until they were accepted, and repeated under their ids', async () => {
    const models = phone().start();
    models.observe({ type: 'app.started' });
    network.order(
      { call: 'report', kind: 'answer-lost' },
      { call: 'report', kind: 'reset', times: 3 },
    );
    expect(await codeOf(models.sendReports())).toBe('unreachable');
    models.observe({ type: 'rasp.checked' });
    await models.sendReports();
    await models.sendReports();
    const { reported } = network;
    expect(reported.map(({ type }) => type)).toEqual([
      ...Array.from({ length: 5 }, () => 'app.started'),
      'rasp.checked',
    ]);
    expect(new Set(reported.map(({ eventId }) => eventId)).size).toBe(2);
  });

  it('R27 of more than a thousand the newest are kept, and sent a hundred at a time', async () => {
    const models = phone().start();
    for (let n = 0; n < 1050; n++) {
      models.observe({ type: 'app.started', cause: `n${n}` });
    }
    await models.sendReports();
    const causes = network.reported.map(({ cause }) => cause);
    expect(causes).toEqual(Array.from({ length: 1000 }, (_, n) => `n${n + 50}`));
    expect(network.calls.get('report')).toBe(10);
  });

  it('R30 a further device waits for the word of one that counts', async () => {
    const [ann, tablet] = [phone(), phone()];
    tablet.user = ann.user;
    const model = await publishedModel();
    const models = ann.start();
    await models.get(model.id);
    await tablet.start().sendReports();
    const [waiting, ...others] = await models.sendReports();
    expect(others).toEqual([]);
    await models.approveDevice(waiting?.deviceId ?? '');
    expect(await models.sendReports()).toEqual([]);
    await models.retireOther(waiting?.deviceId ?? '');
    expect(await codeOf(models.approveDevice(waiting?.deviceId ?? ''))).toBe('device_unknown');
    // That the other is unknown says nothing of this one.
    expect(ann.attested).toBe(1);
  });

  it('R25 a copy whose licence has ended is erased', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    ann.clockAheadMs = 400 * 86_400_000;
    await ann.start().cleanUp();
    expect(ann.files()).toEqual([]);
  });

  it('R26 what an app’s own part throws is the cause of a typed error', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.userToken = async () => {
      throw new Error('signed out');
    };
    await expect(ann.start().get(model.id)).rejects.toMatchObject({
      code: 'token_unavailable',
      cause: { message: 'signed out' },
    });
  });
});
