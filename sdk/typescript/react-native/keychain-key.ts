/** The wrapping key in the phone's secure hardware, through react-native-keychain. */

import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { fromBase64url, toBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { softwareKey } from '../node/software-key.ts';
import type { HardwareKey } from '../opening/hardware-key.ts';
import { serialised } from '../serialised.ts';

/** What is used of the module `react-native-keychain`, version 10. */
export interface Keychain {
  readonly ACCESSIBLE: { readonly WHEN_UNLOCKED_THIS_DEVICE_ONLY: string };
  readonly SECURITY_LEVEL: { readonly SECURE_HARDWARE: string | number };
  getGenericPassword(options: {
    readonly service: string;
  }): Promise<false | { readonly password: string }>;
  setGenericPassword(
    username: string,
    password: string,
    options: {
      readonly service: string;
      readonly accessible: string;
      readonly securityLevel: string | number;
    },
  ): Promise<unknown>;
}

const SERVICE = 'modelseal.wrapping-key';
const KEY_BYTES = 32;

/**
 * A wrapping key that lies encrypted by Android's Keystore, in secure hardware or not at all, or in
 * the iOS keychain for this device only, while unlocked. It is made at the first wrapping. A keychain
 * that does not answer (a locked phone) rejects with `key-unavailable`, and nothing is given up; only
 * where it says that there is no key, as after a restore on another phone, does a copy count as lost.
 */
export function keychainKey(keychain: Keychain, crypto: SealingCrypto): HardwareKey {
  let key: Promise<HardwareKey | undefined> | undefined;
  const load = (mayMake: boolean) =>
    serialised(SERVICE, async () => {
      key ??= storedKey(keychain, crypto);
      const found = await key.catch((cause: unknown) => {
        key = undefined;
        throw cause instanceof SealError
          ? cause
          : new SealError('key-unavailable', undefined, { cause });
      });
      if (found) return found;
      key = mayMake ? newKey(keychain, crypto) : undefined;
      return key;
    });
  return {
    async wrap(secret) {
      const found = await load(true);
      if (!found) throw new SealError('key-unavailable');
      return found.wrap(secret);
    },
    async unwrap(wrapped) {
      const found = await load(false);
      if (!found) throw new SealError('storage-corrupt', 'the wrapping key is gone');
      return found.unwrap(wrapped);
    },
  };
}

async function storedKey(keychain: Keychain, crypto: SealingCrypto) {
  const stored = await keychain.getGenericPassword({ service: SERVICE });
  const known = stored ? fromBase64url(stored.password) : null;
  return known?.byteLength === KEY_BYTES ? softwareKey(crypto, known) : undefined;
}

async function newKey(keychain: Keychain, crypto: SealingCrypto): Promise<HardwareKey> {
  const made = crypto.randomBytes(KEY_BYTES);
  await keychain.setGenericPassword('modelseal', toBase64url(made), {
    service: SERVICE,
    accessible: keychain.ACCESSIBLE.WHEN_UNLOCKED_THIS_DEVICE_ONLY,
    securityLevel: keychain.SECURITY_LEVEL.SECURE_HARDWARE,
  });
  return softwareKey(crypto, made);
}
