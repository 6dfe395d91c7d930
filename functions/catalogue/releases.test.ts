/** Release records on the service's side: who writes them, and what becomes of one that was put back. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { collect } from '../protocol/bytes.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { signReleaseRecord, verifyReleaseRecord } from '../protocol/release-record.ts';
import { DAY_MS } from '../time.ts';
import { readModel, versionFor } from './model-record.ts';
import { releaseObject } from './releases.ts';
import { revokeModel, withdrawModel } from './revoke-model.ts';

let api: ApiHarness;
let now: Date;
beforeEach(async () => {
  now = new Date();
  api = await startApi({}, (services) => ({ ...services, now: () => now }));
});
afterEach(() => api.close());

const PATH = 'models/smile';
const publish = (version: string) =>
  api.publish('smile', randomBytes(5_000), { format: 'opaque', version });
const stored = async () => (await api.clients.documents.get(PATH)) ?? {};
const verified = async (token: string) =>
  verifyReleaseRecord(nodeCrypto, token, await api.clients.keys.publicKeys('manifest'));
const record = async () => verified(readModel(await stored()).release ?? '');
const offered = async () => (await record()).offered.map(({ version }) => version);
const remembered = async () => {
  const bytes = await collect(
    api.clients.objects.read('test-vault', releaseObject('smile')),
    65_536,
  );
  return new TextDecoder().decode(bytes);
};
const later = (days: number) => {
  now = new Date(now.getTime() + days * DAY_MS);
};
const run = async () => {
  const response = await fetch(`${api.baseUrl}/internal/releases`, { method: 'POST' });
  return (await response.json()) as Record<string, number>;
};
const NOTHING = { renewed: 0, adopted: 0, restored: 0, failed: 0 };
const grantOf = (data: DocumentData, version = 'latest') => versionFor(data, version, 'u_1', now);

describe('a release record', () => {
  it('is signed with each version that is published, and its serial grows', async () => {
    await publish('1');
    expect(await record()).toMatchObject({
      model: 'smile',
      serial: 1,
      offered: [{ version: '1' }],
    });
    await publish('2');
    const second = await record();
    expect(second).toMatchObject({ serial: 2, offered: [{ version: '2' }] });
    expect(second.exp - second.iat).toBe(api.services.config.releaseSeconds);
    expect(await remembered()).toBe(readModel(await stored()).release);
    expect(grantOf(await stored())).toMatchObject({ version: '2', isOnOffer: true });
    expect(grantOf(await stored(), '1')).toMatchObject({ version: '1', isOnOffer: false });
  });

  it('goes back to an older version as a new record where the newer one is revoked', async () => {
    await publish('1');
    await publish('2');
    expect(await revokeModel(api.services, 'smile', '2', now)).toEqual(['2']);
    expect(await record()).toMatchObject({ serial: 3, offered: [{ version: '1' }] });
    expect(await remembered()).toBe(readModel(await stored()).release);
  });

  it('tells of a revoked version that was not on offer, and stays where nothing is left', async () => {
    await publish('1');
    await publish('2');
    await revokeModel(api.services, 'smile', '1', now);
    expect(await record()).toMatchObject({
      serial: 3,
      offered: [{ version: '2' }],
      revoked: ['1'],
    });
    await withdrawModel(api.clients.documents, 'smile');
    expect(await record()).toMatchObject({ serial: 3 });
    const data = await stored();
    expect(() => grantOf(data)).toThrow('version_revoked');
    await publish('3');
    expect(await record()).toMatchObject({ serial: 4, offered: [{ version: '3' }] });
  });

  it('never offers, after a revocation, what the publisher did not sign', async () => {
    await publish('1');
    await publish('2');
    const { versions, ...model } = readModel(await stored());
    const { 1: first, 2: second } = versions;
    if (!first || !second) throw new Error('no versions');
    // Version 1 by the manifest of version 2: bytes that he signed, under another name.
    const { manifestObject, manifestDigest } = second;
    const forged = { 1: { ...first, manifestObject, manifestDigest }, 2: second };
    await api.clients.documents.set(PATH, { ...model, latest: '1', versions: forged });
    await expect(revokeModel(api.services, 'smile', '2', now)).rejects.toMatchObject({
      code: 'token-mismatch',
    });
    expect(await offered()).toEqual(['2']);
  });

  it.each<readonly [string, (data: DocumentData) => DocumentData, string]>([
    ['without a record', (data) => ({ ...data, release: null }), 'release_missing'],
    ['whose record is none', (data) => ({ ...data, release: 'x.y.z' }), 'release_missing'],
    ['of another id than its record', (data) => ({ ...data, modelId: 'face' }), 'release_mismatch'],
    [
      'whose record speaks of other bytes',
      (data) => {
        const { versions } = readModel(data);
        const [entry] = Object.values(versions);
        const manifestDigest = 'A'.repeat(43);
        return { ...data, versions: { 1: { ...(entry as object), manifestDigest } } } as never;
      },
      'release_mismatch',
    ],
  ])('is required: of a model %s nothing is granted', async (_, change, reason) => {
    await publish('1');
    const changed = change(await stored());
    expect(() => grantOf(changed)).toThrow(
      expect.objectContaining({ code: 'unavailable', reason }),
    );
  });

  it('ends, and then nothing is granted', async () => {
    await publish('1');
    later(14);
    const data = await stored();
    for (const version of ['latest', '1']) {
      expect(() => grantOf(data, version)).toThrow(
        expect.objectContaining({ code: 'unavailable', reason: 'release_expired' }),
      );
    }
  });

  it('is listed with its model, and a model without one is not', async () => {
    await publish('1');
    const release = readModel(await stored()).release;
    expect(await api.api('alice').models()).toMatchObject([{ latest: '1', release }]);
    await api.clients.documents.set(PATH, { ...(await stored()), release: null });
    await api.publish('face', randomBytes(5_000), { format: 'opaque' });
    expect(await api.api('alice').models()).toMatchObject([{ modelId: 'face' }]);
  });
});

describe('the worker that signs records anew', () => {
  it('does so each day, with the same on offer', async () => {
    await publish('1');
    expect(await run()).toEqual(NOTHING);
    later(1);
    expect(await run()).toEqual({ ...NOTHING, renewed: 1 });
    expect(await record()).toMatchObject({ serial: 2, offered: [{ version: '1' }] });
    expect((await record()).exp).toBe(Math.floor(now.getTime() / 1000) + 14 * 86_400);
    expect(await run()).toEqual(NOTHING);
  });

  it('takes what the catalogue says for nothing: only records count', async () => {
    await publish('1');
    await publish('2');
    await api.clients.documents.set(PATH, { ...(await stored()), latest: '1' });
    expect(await run()).toEqual({ ...NOTHING, renewed: 1 });
    expect(await offered()).toEqual(['2']);
    expect(await stored()).not.toHaveProperty('latest');
  });

  it('puts the last record back where somebody wrote an older one, and says so as an error', async () => {
    await publish('1');
    const before = await stored();
    await publish('2');
    const after = await stored();
    await api.clients.documents.set(PATH, { ...after, release: before['release'] ?? null });
    expect(grantOf(await stored()).version).toBe('1');
    later(1);
    expect(await run()).toEqual({ ...NOTHING, restored: 1 });
    expect(await record()).toMatchObject({ serial: 3, offered: [{ version: '2' }] });
    expect(api.logs.filter((line) => line.includes('"ERROR"')).join()).toContain(
      'release put back',
    );
  });

  it('believes no record that another key signed, nor one of another model', async () => {
    await publish('1');
    const kid = await api.clients.keys.signingKid('licence');
    const forged = await signReleaseRecord(
      { ...(await record()), serial: 900 },
      'manifest.1',
      (message) => api.clients.keys.sign(kid, message),
    );
    await api.publish('face', randomBytes(5_000), { format: 'opaque', version: '9' });
    const face = readModel((await api.clients.documents.get('models/face')) ?? {}).release;
    for (const release of [forged, face]) {
      later(1);
      await api.clients.documents.set(PATH, { ...(await stored()), release });
      expect(await run()).toMatchObject({ restored: 1, failed: 0 });
      expect(await offered()).toEqual(['1']);
    }
    expect((await record()).serial).toBe(3);
  });

  it('signs for a model from before there were records, and for no other without one', async () => {
    await publish('1');
    await publish('2');
    const { release: _, releaseDueAt: __, ...old } = await stored();
    await api.clients.objects.delete('test-vault', releaseObject('smile'));
    await api.clients.documents.set(PATH, { ...old, latest: '1' });
    expect(await run()).toEqual({ ...NOTHING, adopted: 1 });
    expect(await record()).toMatchObject({ serial: 1, offered: [{ version: '1' }] });

    // A document that was made to look so; the vault remembers better.
    await api.clients.documents.set(PATH, { ...old, latest: '2' });
    expect(await run()).toEqual({ ...NOTHING, restored: 1 });
    expect(await offered()).toEqual(['1']);

    await api.clients.objects.delete('test-vault', releaseObject('smile'));
    await api.clients.documents.set(PATH, { ...(await stored()), release: 'x.y.z' });
    later(1);
    expect(await run()).toEqual({ ...NOTHING, failed: 1 });
    expect(api.logs.join()).toContain('release not renewed');
  });

  it('makes up for a record that the vault did not get', async () => {
    await publish('1');
    const first = await remembered();
    await publish('2');
    const { clients } = api;
    await clients.objects.write('test-vault', releaseObject('smile'), [
      Buffer.from(first),
    ] as never);
    later(1);
    expect(await run()).toEqual({ ...NOTHING, renewed: 1 });
    expect(await verified(await remembered())).toMatchObject({
      serial: 3,
      offered: [{ version: '2' }],
    });
  });

  it('goes on with the next model where one fails', async () => {
    await publish('1');
    await api.publish('face', randomBytes(5_000), { format: 'opaque' });
    await api.clients.objects.write('test-vault', releaseObject('face'), [
      Buffer.from('no record'),
    ] as never);
    later(1);
    expect(await run()).toEqual({ ...NOTHING, renewed: 1, failed: 1 });
  });
});
