import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { readModel, releaseOf, versionFor } from './model-record.ts';
import { revokeModel } from './revoke-model.ts';
import { rollOut, shareOf } from './roll-out.ts';

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
const offered = async () => (await record())?.offered.map(({ version, share }) => [version, share]);
/** The version that a grant's manifest names. */
const granted = ({ manifest }: { readonly manifest: string }) =>
  (
    JSON.parse(Buffer.from(manifest.split('.')[1] ?? '', 'base64url').toString()) as {
      version: string;
    }
  ).version;
const to = (share: number, version = '2') =>
  rollOut(api.services, { modelId: 'smile', version, share }, new Date());
const versionsOf = async (devices: number) => {
  const data = await stored();
  return Array.from({ length: devices }, (_, index) => {
    const device = { deviceId: `d_${index}`, platform: 'ios', appVersion: '1.0' } as const;
    return versionFor(data, 'latest', 'u', new Date(), device).version;
  });
};

describe('a version that is held', () => {
  it('is published, and offered to nobody', async () => {
    expect(await record()).toMatchObject({ serial: 1, offered: [{ version: '1' }] });
    expect(new Set(await versionsOf(50))).toEqual(new Set(['1']));
    expect(versionFor(await stored(), '2', 'u', new Date())).toMatchObject({ isOnOffer: false });
  });

  it('cannot be the first: there would be nothing on offer', async () => {
    const first = api.publish('face', randomBytes(5_000), { format: 'opaque', hold: true });
    await expect(first).rejects.toMatchObject({ code: 'model_invalid', reason: 'hold_first' });
  });
});

describe('rolling out', () => {
  it('goes from some to all, each step a record of its own, and back likewise', async () => {
    await to(500);
    expect(await offered()).toEqual([
      ['2', 500],
      ['1', undefined],
    ]);
    const early = (await versionsOf(400)).map((version) => version === '2');
    await to(2_500);
    const later = (await versionsOf(400)).map((version) => version === '2');
    expect(early.every((had, index) => !had || later[index])).toBe(true);
    expect(later.filter(Boolean).length).toBeGreaterThan(early.filter(Boolean).length);
    await to(10_000);
    expect(await offered()).toEqual([['2', undefined]]);
    await to(10_000, '1');
    expect(await record()).toMatchObject({ serial: 5, offered: [{ version: '1' }] });
    expect(new Set(await versionsOf(50))).toEqual(new Set(['1']));
  });

  it('gives a real phone the version that is its own', async () => {
    const phone = api.phone('ann');
    await to(1);
    const first = await phone.grant('smile');
    await rollOut(
      api.services,
      { modelId: 'smile', version: '2', when: { platform: 'ios' } },
      new Date(),
    );
    const second = await phone.grant('smile');
    expect([first, second].map(granted)).toEqual(['1', '2']);
    expect(granted(await api.pixel('bob').grant('smile'))).toBe('1');
  });

  it('tells what would be, and changes nothing', async () => {
    await api.phone('ann').grant('smile');
    const before = await stored();
    const preview = await rollOut(
      api.services,
      { modelId: 'smile', version: '2', when: { platform: 'ios' }, dryRun: true },
      new Date(),
    );
    expect(preview).toMatchObject({ devices: 1, byVersion: { 2: 1 } });
    expect(await stored()).toEqual(before);
  });

  it('is refused for what is not there, is revoked, or is for all already', async () => {
    await expect(to(500, '9')).rejects.toMatchObject({ code: 'model_unknown' });
    await expect(to(500, '1')).rejects.toMatchObject({ code: 'version_conflict' });
    await revokeModel(api.services, 'smile', '2', new Date());
    await expect(to(500)).rejects.toMatchObject({ code: 'model_unknown' });
  });

  it('ends where its version is revoked, and goes on for the newest that is left where the other is', async () => {
    await to(500);
    await revokeModel(api.services, 'smile', '2', new Date());
    expect(await offered()).toEqual([['1', undefined]]);
    await publish('3', true);
    await to(500, '3');
    await revokeModel(api.services, 'smile', '1', new Date());
    expect(await offered()).toEqual([['3', undefined]]);
  });

  it('takes percentages with two decimals', () => {
    expect(['100', '5', '0.01', '0', '12.5'].map(shareOf)).toEqual([10_000, 500, 1, 0, 1_250]);
    for (const wrong of ['101', '-1', '1e1', '0.001', 'half', '']) {
      expect(() => shareOf(wrong)).toThrow(RangeError);
    }
  });
});
