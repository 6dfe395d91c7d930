import { createHash, createPublicKey, verify } from 'node:crypto';
import { beforeEach, expect, it } from '@jest/globals';
import { type KeyService, type PublicSigningKey, UnwrapError } from '../../functions/cloud/keys.ts';

/** What every key service does; `open` gives the one under test. */
export function keyServiceContract(open: () => KeyService): void {
  let keys: KeyService;
  const aad = Buffer.from('model, version');
  const secret = createHash('sha256').update('a data key').digest();

  beforeEach(() => {
    keys = open();
  });

  it('unwraps what it wrapped under the same additional data', async () => {
    const wrapped = await keys.wrap(secret, aad);
    expect(Buffer.from(wrapped).includes(secret)).toBe(false);
    expect(Buffer.from(await keys.unwrap(wrapped, aad))).toEqual(secret);
  });

  it('wraps the same bytes differently each time', async () => {
    expect(await keys.wrap(secret, aad)).not.toEqual(await keys.wrap(secret, aad));
  });

  it('wraps nothing under no additional data', async () => {
    const none = new Uint8Array();
    expect(await keys.unwrap(await keys.wrap(none, none), none)).toEqual(none);
  });

  it('refuses other additional data', async () => {
    const wrapped = await keys.wrap(secret, aad);
    await expect(keys.unwrap(wrapped, Buffer.from('other'))).rejects.toBeInstanceOf(UnwrapError);
  });

  it.each([
    ['a flipped bit', (bytes: Uint8Array) => bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1)],
    ['a missing byte', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['no bytes', () => new Uint8Array()],
  ])('refuses %s', async (_name, change) => {
    const wrapped = await keys.wrap(secret, aad);
    await expect(keys.unwrap(change(wrapped), aad)).rejects.toBeInstanceOf(UnwrapError);
  });

  it.each(['manifest', 'licence'] as const)(
    'signs with the %s version that was chosen, which is not the newest',
    async (name) => {
      const [signing, ...others] = await keys.publicKeys(name);
      expect(signing).toMatchObject({ kid: `${name}.1`, state: 'signing' });
      expect(others).toMatchObject([{ kid: `${name}.2`, state: 'announced' }]);
      expect(await keys.signingKid(name)).toBe(signing.kid);
      const message = Buffer.from('a manifest');
      const signature = await keys.sign(signing.kid, message);
      expect(signature).toHaveLength(64);
      expect(verifies(signing, message, signature)).toBe(true);
      expect(verifies(signing, Buffer.from('another'), signature)).toBe(false);
      await expect(keys.sign(`${name}.2`, message)).rejects.toThrow('unavailable');
    },
  );

  it('keeps the two signing keys apart', async () => {
    const [[manifest], [licence]] = await Promise.all([
      keys.publicKeys('manifest'),
      keys.publicKeys('licence'),
    ]);
    const message = Buffer.from('a licence');
    expect(verifies(manifest, message, await keys.sign(licence.kid, message))).toBe(false);
  });

  it.each(['manifest.999', 'manifest', 'other.1', 'manifest.1/../../x', ''])(
    'does not sign with %j',
    async (kid) => {
      await expect(keys.sign(kid, Buffer.from('x'))).rejects.toThrow('unavailable');
    },
  );
}

function verifies(key: PublicSigningKey, message: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: { ...key.jwk }, format: 'jwk' });
  return verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}
