/** The App Attest key that Apple has yet to attest: the next try must be with the same one. */
import type { Keychain } from './keychain-key.ts';

export interface PendingKey {
  load(): Promise<string | undefined>;
  /** Forgets it where undefined. */
  save(keyId: string | undefined): Promise<void>;
}

/** Remembers until the process ends. */
export function memoryPendingKey(): PendingKey {
  let known: string | undefined;
  return {
    load: async () => known,
    save: async (keyId) => {
      known = keyId;
    },
  };
}

const SERVICE = 'modelseal.pending-key';

/** In the keychain, so that an outage of Apple's which outlives the app costs no further key. */
export function keychainPendingKey(keychain: Keychain): PendingKey {
  return {
    async load() {
      const stored = await keychain.getGenericPassword({ service: SERVICE });
      return stored ? stored.password || undefined : undefined;
    },
    async save(keyId = '') {
      await keychain.setGenericPassword('modelseal', keyId, {
        service: SERVICE,
        accessible: keychain.ACCESSIBLE.WHEN_UNLOCKED_THIS_DEVICE_ONLY,
        securityLevel: keychain.SECURITY_LEVEL.SECURE_HARDWARE,
      });
    },
  };
}
