import { describe, expect, it } from '@jest/globals';
import { nodeCrypto as crypto } from '../../../functions/protocol/node-crypto.ts';
import { type Keychain, keychainKey } from './keychain-key.ts';

function phone() {
  const items = new Map<string, { password: string; options: object }>();
  const state = { locked: false };
  const keychain: Keychain = {
    ACCESSIBLE: { WHEN_UNLOCKED_THIS_DEVICE_ONLY: 'AccessibleWhenUnlockedThisDeviceOnly' },
    SECURITY_LEVEL: { SECURE_HARDWARE: 'SECURE_HARDWARE' },
    async getGenericPassword({ service }) {
      if (state.locked) throw new Error('locked');
      return items.get(service) ?? false;
    },
    async setGenericPassword(_, password, options) {
      items.set(options.service, { password, options });
    },
  };
  return { keychain, items, state };
}
const secret = crypto.randomBytes(32);

describe('keychainKey', () => {
  it('wraps under a key that stays in the keychain, bound to this device and its hardware', async () => {
    const { keychain, items } = phone();
    const wrapped = await keychainKey(keychain, crypto).wrap(secret);
    expect(Buffer.from(wrapped).includes(Buffer.from(secret))).toBe(false);
    expect(await keychainKey(keychain, crypto).unwrap(wrapped)).toEqual(secret);
    expect([...items.values()]).toMatchObject([
      {
        options: {
          accessible: 'AccessibleWhenUnlockedThisDeviceOnly',
          securityLevel: 'SECURE_HARDWARE',
        },
      },
    ]);
  });

  it('unwraps nothing of another phone', async () => {
    const wrapped = await keychainKey(phone().keychain, crypto).wrap(secret);
    await expect(keychainKey(phone().keychain, crypto).unwrap(wrapped)).rejects.toThrow();
  });

  it('tries again after the keychain was locked', async () => {
    const { keychain, state } = phone();
    const key = keychainKey(keychain, crypto);
    state.locked = true;
    await expect(key.wrap(secret)).rejects.toMatchObject({ code: 'key-unavailable' });
    state.locked = false;
    expect(await key.unwrap(await key.wrap(secret))).toEqual(secret);
  });
});
