/** docs/mobile/sdk-behaviour.md in TypeScript: tokens and keys. */
import { describe, expect, it } from '@jest/globals';
import { bytesOf, codeOf, inTheField, phone, publishedModel, stack } from './field.ts';

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
