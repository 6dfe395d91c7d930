import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { readModel, releaseOf, versionFor } from './model-record.ts';
import { revokeModel } from './revoke-model.ts';
import { type Rollout, rollOut } from './roll-out.ts';
import {
  haltRollout,
  pauseRollout,
  requireMinimum,
  resumeRollout,
  rollBack,
} from './steer-rollout.ts';

const now = new Date('2026-11-27T12:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const at = (seconds: number) => now.getTime() / 1000 + seconds;
const two = { modelId: 'smile', version: '2' };

let api: ApiHarness;
beforeEach(async () => {
  api = await startApi();
  await publish('1');
  await publish('2', true);
});
afterEach(() => api.close());

const publish = (version: string, hold = false) =>
  api.publish('smile', randomBytes(5_000), { format: 'opaque', version, ...(hold && { hold }) });
const stored = async () => (await api.clients.documents.get('models/smile')) ?? {};
const record = async () => releaseOf(readModel(await stored()));
const to = (more: Partial<Rollout> = {}) =>
  rollOut(api.services, { ...two, share: 5_000, ...more }, now);
const counts = async () => {
  const data = await stored();
  const versions = Array.from({ length: 400 }, (_, index) => {
    const device = { deviceId: `d_${index}`, platform: 'ios', appVersion: '1.0' } as const;
    return versionFor(data, 'latest', 'u', new Date(), device).version;
  });
  return versions.filter((version) => version === '2').length;
};

describe('a rollout under way', () => {
  it('is halted and goes on, each a record of its own, for the same devices as before', async () => {
    await to();
    const had = await counts();
    expect(had).toBeGreaterThan(150);
    expect(await haltRollout(api.services, two, now)).toMatchObject({ serial: 3 });
    expect(await counts()).toBe(0);
    expect((await record())?.rules[0]).toMatchObject({ name: '2', halted: at(0), since: at(0) });
    await resumeRollout(api.services, two, later(60));
    expect(await counts()).toBe(had);
    expect(await record()).toMatchObject({ serial: 4, rules: [{ since: at(0) }, { name: '1' }] });
  });

  it('keeps its share and its steps while it is paused, and takes these up as much later', async () => {
    await to({ steps: [{ at: at(3_600), share: 10_000 }] });
    await pauseRollout(api.services, two, later(600));
    expect((await record())?.rules[0]).toMatchObject({ paused: at(600), share: 5_000 });
    await resumeRollout(api.services, two, later(1_000));
    const [rule] = (await record())?.rules ?? [];
    expect(rule).toMatchObject({ steps: [{ at: at(4_000), share: 10_000 }] });
    expect(rule?.paused).toBeUndefined();
  });

  it('ends where all go back: to what the others have, or to a version by its name', async () => {
    await to();
    expect(await rollBack(api.services, { modelId: 'smile' }, now)).toMatchObject({ serial: 3 });
    expect((await record())?.rules).toHaveLength(1);
    expect(await counts()).toBe(0);
    // Nothing to go back from: no record for nothing.
    expect(await rollBack(api.services, { modelId: 'smile' }, now)).toMatchObject({ serial: 3 });
    await rollBack(api.services, two, now);
    expect(await counts()).toBe(400);
  });

  it('is told apart from what is not under way', async () => {
    await expect(haltRollout(api.services, two, now)).rejects.toMatchObject({
      code: 'model_unknown',
    });
    await to();
    const one = { modelId: 'smile', version: '1' };
    // The version for all cannot be halted: nothing would be left.
    for (const steer of [haltRollout, pauseRollout, resumeRollout]) {
      await expect(steer(api.services, one, now)).rejects.toMatchObject({ reason: 'no_rollout' });
    }
    await expect(haltRollout(api.services, { ...two, modelId: 'face' }, now)).rejects.toMatchObject(
      { code: 'model_unknown' },
    );
  });

  it('takes conditions, variants and steps, and tells how many devices each rule is for', async () => {
    await publish('2-small', true);
    await api.phone('ann').grant('smile');
    const result = await to({
      share: 10_000,
      variants: [{ version: '2', when: { ram: { min: '6' } } }, { version: '2-small' }],
      when: { platform: 'ios' },
    });
    expect(result).toMatchObject({
      byVersion: { '2-small': 1 },
      byRule: [
        { name: '2', meet: 1, get: 1 },
        { name: '1', meet: 1, get: 0 },
      ],
    });
    await expect(to({ steps: [{ at: at(-1), share: 10_000 }] })).rejects.toThrow(RangeError);
    await expect(to({ steps: [{ at: at(9), share: 5_000 }] })).rejects.toThrow(RangeError);
    await expect(to({ variants: [{ version: '9' }] })).rejects.toMatchObject({
      code: 'model_unknown',
    });
  });

  it('loses the variant that is revoked, and stays with the other', async () => {
    await publish('2-small', true);
    const variants = [{ version: '2', when: { ram: { min: '6' } } }, { version: '2-small' }];
    await to({ variants });
    await revokeModel(api.services, 'smile', '2', now);
    expect(await record()).toMatchObject({
      rules: [{ name: '2', variants: [{ version: '2-small' }] }, { name: '1' }],
      revoked: ['2'],
    });
  });
});

describe('the least version', () => {
  it('ends what was published before: nobody is given it, and the record tells phones', async () => {
    await rollBack(api.services, two, now);
    const data = await stored();
    const earlier = readModel(data).versions['1'];
    // Versions of one second are of one age.
    const versions = {
      ...(data['versions'] as object),
      1: { ...earlier, publishedAt: new Date(0) },
    };
    await api.clients.documents.set('models/smile', { ...data, versions });
    await requireMinimum(api.services, two, now);
    const after = await stored();
    const ask = (version: string) => versionFor(after, version, 'u', new Date()).version;
    expect(() => ask('1')).toThrow('model_unknown');
    expect(ask('2')).toBe('2');
    await expect(rollBack(api.services, { ...two, version: '1' }, now)).rejects.toMatchObject({
      code: 'model_unknown',
    });
    // What came after keeps it.
    await publish('3');
    expect((await record())?.minPublishedAt).toBeGreaterThan(0);
  });

  it('is not above what is on offer, or unknown', async () => {
    await expect(requireMinimum(api.services, { ...two, version: '9' }, now)).rejects.toMatchObject(
      { code: 'model_unknown' },
    );
    const data = await stored();
    const versions = data['versions'] as Record<string, object>;
    await api.clients.documents.set('models/smile', {
      ...data,
      versions: { ...versions, 1: { ...versions['1'], publishedAt: new Date(0) } },
    } as never);
    await expect(requireMinimum(api.services, two, now)).rejects.toMatchObject({
      reason: 'older_on_offer',
    });
  });
});
