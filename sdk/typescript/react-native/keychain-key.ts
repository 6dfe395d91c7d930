/** The wrapping key in the phone's secure hardware, through react-native-keychain. */

import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { fromBase64url, toBase64url } from '../../../functions/protocol/encoding.ts';
import { softwareKey } from '../node/software-key.ts';
import type { HardwareKey } from '../opening/hardware-key.ts';

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
 * the iOS keychain for this device only, while unlocked. It is made at the first use; without it, as
 * after a restore on another phone, no stored model opens. Rejects where the hardware is missing.
 */
export function keychainKey(keychain: Keychain, crypto: SealingCrypto): HardwareKey {
  let key: Promise<HardwareKey> | undefined;
  const load = () => {
    key ??= wrappingKey(keychain, crypto).catch((error: unknown) => {
      key = undefined;
      throw error;
    });
    return key;
  };
  return {
    wrap: async (secret) => (await load()).wrap(secret),
    unwrap: async (wrapped) => (await load()).unwrap(wrapped),
  };
}

async function wrappingKey(keychain: Keychain, crypto: SealingCrypto): Promise<HardwareKey> {
  const stored = await keychain.getGenericPassword({ service: SERVICE });
  const known = stored ? fromBase64url(stored.password) : null;
  if (known?.byteLength === KEY_BYTES) return softwareKey(crypto, known);
  const made = crypto.randomBytes(KEY_BYTES);
  await keychain.setGenericPassword('modelseal', toBase64url(made), {
    service: SERVICE,
    accessible: keychain.ACCESSIBLE.WHEN_UNLOCKED_THIS_DEVICE_ONLY,
    securityLevel: keychain.SECURITY_LEVEL.SECURE_HARDWARE,
  });
  return softwareKey(crypto, made);
}
