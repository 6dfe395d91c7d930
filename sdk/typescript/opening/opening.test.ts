import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { assert, asyncProperty, integer, uint8Array } from 'fast-check';
import { parseModel } from '../../../functions/formats/format.ts';
import { collect, concat } from '../../../functions/protocol/bytes.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { GrantBinding } from '../../../functions/protocol/grant-binding.ts';
import { generateRecipientKey } from '../../../functions/protocol/hpke.ts';
import { nodeCrypto as crypto } from '../../../functions/protocol/node-crypto.ts';
import { SUITES } from '../../../functions/protocol/suites.ts';
import { outcomeWith } from '../../../test/support/outcome.ts';
import { inPieces } from '../../../test/support/streams.ts';
import { createTestCloud, TEST_NOW, TRACED } from '../../../test/support/test-cloud.ts';
import { acceptGrant, type Grant } from './accept-grant.ts';
import { LayerReader } from './layer-reader.ts';
import { openGrant } from './open-grant.ts';

const real = new Uint8Array(
  readFileSync('node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite'),
);
const cloud = createTestCloud();
const recipientKey = await generateRecipientKey('P256-HKDF-SHA256-AES256GCM');
const published = await cloud.publish(real);
const expected = { deviceId: 'd_1', model: 'pose', version: '1.0.0' };

/** Where the mark of these tests lies: within a layer. */
const MARKED_AT = 150_000;
function mark(bytes: Uint8Array, offset: number): void {
  const at = MARKED_AT - offset;
  if (at >= 0 && at < bytes.byteLength) bytes[at] = (bytes[at] ?? 0) ^ 1;
}
function marked(model: Uint8Array): Uint8Array {
  const copy = model.slice();
  mark(copy, 0);
  return copy;
}

const accept = (grant: Grant, changes: Partial<Parameters<typeof acceptGrant>[1]> = {}) =>
  acceptGrant(crypto, {
    grant,
    expected,
    recipientKey,
    pinnedKeys: cloud.pinnedKeys,
    now: TEST_NOW,
    ...changes,
  });
async function open(grant: Grant, sealed: Uint8Array): Promise<Uint8Array> {
  return openGrant(crypto, await accept(grant), inPieces(sealed));
}
const code = outcomeWith(SealError, 'opened');

describe('opening a grant', () => {
  it('gives the published bytes, with every suite', async () => {
    for (const suite of SUITES) {
      const key = await generateRecipientKey(suite);
      const { grant, sealed } = await cloud.grant(published, key);
      const accepted = await accept(grant, { recipientKey: key });
      expect(Buffer.compare(await openGrant(crypto, accepted, inPieces(sealed)), real)).toBe(0);
      expect(accepted.keys.fileKey).toEqual(new Uint8Array(32));
    }
  });

  it('gives any bytes back, whatever the chunks', async () => {
    await assert(
      asyncProperty(
        uint8Array({ minLength: 1, maxLength: 2000 }),
        integer({ min: 64, max: 500 }),
        async (model, chunkBytes) => {
          const { grant, sealed } = await cloud.grant(
            await cloud.publish(model, { chunkBytes }),
            recipientKey,
          );
          expect(await open(grant, sealed)).toEqual(model);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('refuses a stranger with the same ciphertext', async () => {
    const { grant } = await cloud.grant(published, recipientKey);
    const stranger = await generateRecipientKey(recipientKey.suite);
    expect(await code(accept(grant, { recipientKey: stranger }))).toBe('key-refused');
  });

  it('refuses what was not asked for', async () => {
    const { grant } = await cloud.grant(published, recipientKey);
    const others = [
      { ...expected, deviceId: 'd_2' },
      { ...expected, model: 'face' },
      { ...expected, version: '2' },
    ];
    for (const other of others) {
      expect(await code(accept(grant, { expected: other }))).toBe('token-mismatch');
    }
    expect(await code(accept({ ...grant, grantId: 'g_2' }))).toBe('token-mismatch');
    expect(await code(accept(grant, { expected: { deviceId: 'd_1', model: 'pose' } }))).toBe(
      'opened',
    );
  });

  it('refuses parts of two grants, and a licence for another manifest', async () => {
    const one = await cloud.grant(published, recipientKey);
    const two = await cloud.grant(published, recipientKey, { licence: { exp: 1_800_000_000 } });
    const republished = await cloud.publish(real, { manifest: { publishedAt: 1 } });
    const mixed: [Grant, string][] = [
      [{ ...one.grant, sealedKey: two.grant.sealedKey }, 'key-refused'],
      [{ ...one.grant, licence: two.grant.licence }, 'key-refused'],
      [{ ...one.grant, manifest: republished.manifest }, 'token-mismatch'],
      [{ ...one.grant, manifest: one.grant.licence }, 'token-malformed'],
    ];
    for (const [grant, refusal] of mixed) expect(await code(accept(grant))).toBe(refusal);
    expect(await code(open(one.grant, two.sealed))).toBe('chunk-forged');
  });

  it.each<[string, Partial<GrantBinding>]>([
    ['user', { userId: 'u_2' }],
    ['device', { deviceId: 'd_2' }],
    ['model', { model: 'face' }],
    ['version', { version: '2' }],
    ['grant', { grantId: 'g_2' }],
    ['licence expiry', { licenceExpiry: 1 }],
    ['manifest', { manifestDigest: new Uint8Array(32) }],
    ['suite', { suite: 'XWING-HKDF-SHA256-AES256GCM' }],
  ])('refuses a key that was sealed for another %s', async (_, binding) => {
    const { grant } = await cloud.grant(published, recipientKey, { binding });
    expect(await code(accept(grant))).toBe('key-refused');
  });

  it('refuses a licence before and after its time', async () => {
    const { grant } = await cloud.grant(published, recipientKey);
    const at = (seconds: number) => ({ now: new Date(TEST_NOW.getTime() + seconds * 1000) });
    expect(await code(accept(grant, at(-1)))).toBe('licence-not-yet-valid');
    expect(await code(accept(grant, at(86_400 + 3599)))).toBe('opened');
    expect(await code(accept(grant, at(86_400 + 3600)))).toBe('licence-expired');
  });

  it('refuses a stolen server that signs nothing but serves other bytes', async () => {
    const poisoned = real.slice();
    poisoned[200_000] = (poisoned[200_000] ?? 0) ^ 1;
    const other = await cloud.publish(poisoned);
    const served = { ...other, manifest: published.manifest, sha256: published.sha256 };
    const { grant, sealed } = await cloud.grant(served, recipientKey);
    expect(await code(open(grant, sealed))).toBe('digest-mismatch');

    const longer = await cloud.publish(concat(real, new Uint8Array(1)));
    const moved = { ...longer, manifest: published.manifest, sha256: published.sha256 };
    const second = await cloud.grant(moved, recipientKey);
    expect(await code(open(second.grant, second.sealed))).toBe('token-mismatch');
  });

  it('opens a marked copy as the licence says, where the publisher has copies marked', async () => {
    const traced = await cloud.publish(real, { manifest: { policy: TRACED } });
    const { grant, sealed } = await cloud.grant(traced, recipientKey, { mark });
    expect(await open(grant, sealed)).toEqual(marked(real));
    // A server that marks the copy and licenses the original, or another user's copy.
    const unmarked = { sha256: traced.sha256 };
    const original = await cloud.grant(traced, recipientKey, { mark, licence: unmarked });
    expect(await code(open(original.grant, original.sealed))).toBe('digest-mismatch');
    const others = await cloud.grant(traced, recipientKey, { mark: (bytes) => bytes.fill(1) });
    const mixed = await cloud.grant(traced, recipientKey, {
      mark,
      licence: { sha256: JSON.parse(atob(others.grant.licence.split('.')[1] ?? '')).sha256 },
    });
    expect(await code(open(mixed.grant, mixed.sealed))).toBe('digest-mismatch');
  });

  it('refuses a marked copy where the publisher has none marked', async () => {
    const { grant } = await cloud.grant(published, recipientKey, { mark });
    expect(await code(accept(grant))).toBe('token-mismatch');
  });

  it('refuses a marked copy of another size or layout', async () => {
    const traced = await cloud.publish(real, { manifest: { policy: TRACED } });
    const longer = await cloud.publish(concat(real, new Uint8Array(1)));
    const moved = await cloud.publish(real, { chunkBytes: 128, opaque: true });
    for (const other of [longer, moved]) {
      const served = { ...other, manifest: traced.manifest };
      const { grant, sealed } = await cloud.grant(served, recipientKey);
      expect(await code(open(grant, sealed))).toBe('token-mismatch');
    }
  });

  it('refuses a changed byte anywhere in the file', async () => {
    const { grant, sealed } = await cloud.grant(published, recipientKey);
    for (let at = 0; at < sealed.byteLength; at += 40_009) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      expect(await code(open(grant, changed))).not.toBe('opened');
    }
    expect(await code(open(grant, sealed.subarray(0, -1)))).toBe('container-truncated');
  });

  it('reports progress and stops when told to', async () => {
    const { grant, sealed } = await cloud.grant(published, recipientKey);
    const done: number[] = [];
    const onProgress = (bytes: number) => done.push(bytes);
    await openGrant(crypto, await accept(grant), inPieces(sealed), { onProgress });
    expect(done).toEqual([65_536, 131_072, 196_608, real.byteLength]);

    const stop = new AbortController();
    const stopping = openGrant(crypto, await accept(grant), inPieces(sealed), {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('the user left')),
    });
    await expect(stopping).rejects.toThrow('the user left');
  });
});

describe('a single layer', () => {
  it('of a marked copy opens with its mark', async () => {
    const traced = await cloud.publish(real, { manifest: { policy: TRACED } });
    const { grant, sealed } = await cloud.grant(traced, recipientKey, { mark });
    const { keys } = await accept(grant);
    const read = (offset: number, length: number) => sealed.slice(offset, offset + length);
    const reader = await LayerReader.open(crypto, read, keys);
    const copy = marked(real);
    const { layers } = await parseModel(real);
    for (const { index, offset, length } of layers) {
      expect(
        Buffer.compare(await reader.layer(index), copy.subarray(offset, offset + length)),
      ).toBe(0);
    }
    expect(Buffer.compare(await reader.model(), copy)).toBe(0);
  });

  it('opens from the ranges it lies in, without the rest', async () => {
    const { grant, sealed } = await cloud.grant(published, recipientKey);
    const { keys } = await accept(grant);
    let fetched = 0;
    const read = (offset: number, length: number) => {
      fetched += length;
      return Promise.resolve(sealed.slice(offset, offset + length));
    };
    const reader = await LayerReader.open(crypto, read, keys);
    const { layers } = await parseModel(real);
    const before = fetched;
    await reader.layer(layers.at(-1)?.index ?? 0);
    expect(fetched - before).toBeLessThanOrEqual(65_536 + 44);
    for (const { index, offset, length } of layers) {
      const weights = await reader.layer(index);
      expect(Buffer.compare(weights, real.subarray(offset, offset + length))).toBe(0);
    }
    expect(await code(reader.layer(77_777))).toBe('layer-unknown');
    const missing = LayerReader.open(crypto, () => new Uint8Array(5), keys);
    expect(await code(missing)).toBe('container-truncated');
  });

  it('is refused where its chunk was changed or moved', async () => {
    const { grant, sealed } = await cloud.grant(published, recipientKey);
    const { keys } = await accept(grant);
    const changed = sealed.slice();
    changed[150_000] = (changed[150_000] ?? 0) ^ 1;
    const readFrom = (bytes: Uint8Array) => (offset: number, length: number) =>
      bytes.slice(offset, offset + length);
    const reader = await LayerReader.open(crypto, readFrom(changed), keys);
    const { layers } = await parseModel(real);
    const broken = layers.find(({ offset }) => offset > 140_000);
    expect(await code(reader.layer(broken?.index ?? 0))).toBe('chunk-forged');
    const sound = layers.find(({ offset, length }) => offset + length < 60_000);
    expect((await reader.layer(sound?.index ?? 0)).byteLength).toBe(sound?.length);
    expect((await collect(inPieces(sealed))).byteLength).toBe(sealed.byteLength);
  });
});
