import { hkdfSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { deriveKeys, type Purpose, wipe } from './key-schedule.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';

describe('deriveKeys', () => {
  it('is HKDF-SHA-256 with an empty salt and a label of its own for each key', async () => {
    const root = crypto.randomBytes(32);
    const seen = new Set<string>();
    for (const purpose of ['vault', 'delivery', 'storage'] satisfies Purpose[]) {
      const keys = await deriveKeys(crypto, root, purpose);
      for (const part of ['file', 'weights'] as const) {
        const expected = hkdfSync('sha256', root, '', `modelseal/1 ${purpose} ${part}`, 32);
        const derived = Buffer.from(keys[`${part}Key`]);
        expect(derived).toEqual(Buffer.from(expected));
        seen.add(derived.toString('hex'));
      }
    }
    expect(seen.size).toBe(6);
  });

  it('leaves nothing behind once wiped', async () => {
    const keys = await deriveKeys(crypto, crypto.randomBytes(32), 'delivery');
    wipe(keys);
    expect(Buffer.concat([keys.fileKey, keys.weightsKey])).toEqual(Buffer.alloc(64));
  });
});
