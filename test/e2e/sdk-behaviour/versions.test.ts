/** docs/mobile/sdk-behaviour.md in TypeScript: versions. */
import { describe, expect, it } from '@jest/globals';
import {
  bytesOf,
  calls,
  codeOf,
  inTheField,
  network,
  phone,
  publishedModel,
  versionOf,
} from './field.ts';

inTheField();

describe('versions', () => {
  it('R7 the newest is what was published last, whatever was granted last', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const newest = await model.update('2.0.0');
    const models = ann.start();
    expect(await versionOf(models, model.id)).toBe('2.0.0');
    await models.get(model.id, { version: '1.0.0' });
    expect((await bytesOf(await ann.start().get(model.id))).equals(newest)).toBe(true);
    expect(calls('grant')).toEqual([2]);
  });

  it('R8 now asks first, and goes on with what is there where nobody answers', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    await model.update('2.0.0');
    const models = ann.start({ updates: 'now' });
    network.order({ call: 'models', kind: 'portal' });
    expect(await versionOf(models, model.id)).toBe('1.0.0');
    expect(await versionOf(models, model.id)).toBe('2.0.0');
  });

  it('R8 and R9 next launch: refresh fetches, this launch goes on, the old copy goes later', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const first = ann.start();
    await first.get(model.id);
    await model.update('2.0.0');
    await first.refresh();
    await first.cleanUp();
    expect(await versionOf(first, model.id)).toBe('1.0.0');
    const second = ann.start();
    expect(await versionOf(second, model.id)).toBe('2.0.0');
    await second.cleanUp();
    expect(ann.files().filter((name) => name.endsWith('.record'))).toHaveLength(1);
    expect(calls('grant')).toEqual([2]);
  });

  it('R8 wifi: nothing is fetched on a metered network', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    await model.update('2.0.0');
    await ann.start({ updates: 'wifi', isUnmetered: false }).refresh();
    // Nor where the app does not say.
    await ann.start({ updates: 'wifi', isUnmetered: null }).refresh();
    expect(calls('grant')).toEqual([1]);
    await ann.start({ updates: 'wifi' }).refresh();
    expect(calls('grant')).toEqual([2]);
  });

  it('R8 wifi: where the network becomes a metered one, the next model waits', async () => {
    const [ann, first, second] = [phone(), await publishedModel(), await publishedModel()];
    for (const { id } of [first, second]) await ann.start().get(id);
    for (const model of [first, second]) await model.update('2.0.0');
    const grants = () => calls('grant')[0] ?? 0;
    const models = ann.start({ updates: 'wifi', isUnmetered: () => grants() < 3 });
    await models.refresh();
    expect(grants()).toBe(3);
  });

  it('R10 back by the publisher’s word alone: a version that he revoked gives way to the one before', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await model.update('2.0.0');
    await ann.start().get(model.id);
    await model.revoke('2.0.0');
    const models = ann.start({ updates: 'now' });
    expect(await versionOf(models, model.id)).toBe('1.0.0');
  });

  it('R10 never back where somebody plays an older release record, also after a restart', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await model.update('2.0.0');
    await ann.start().get(model.id);
    await model.rollBack('1.0.0');
    const models = ann.start({ updates: 'now' });
    expect(await codeOf(models.get(model.id))).toBe('release-rolled-back');
    await ann.start().signOut({ erase: true });
    expect(await codeOf(ann.start().get(model.id))).toBe('release-rolled-back');
    expect(calls('grant')).toEqual([2]);
  });

  it('R10 a renewal brings the publisher’s last word, and is refused with an older one', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    await model.update('2.0.0');
    ann.clockAheadMs = 20 * 3_600_000;
    await ann.start().renewDue();
    await model.rollBack('1.0.0');
    const models = ann.start();
    expect(await codeOf(models.renewDue())).toBe('release-rolled-back');
    expect(await versionOf(models, model.id)).toBe('1.0.0');
    expect(calls('grant', 'renew')).toEqual([1, 2]);
  });
});
