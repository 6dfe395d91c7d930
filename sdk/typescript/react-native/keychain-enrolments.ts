import { requireAccount } from '../opening/copy-files.ts';
import type { Enrolment, EnrolmentStore } from '../platform.ts';
import type { Keychain } from './keychain-key.ts';

const SERVICE = 'modelseal.enrolment';

/** The enrolment of one account in the keychain, for this device only: no secret, but nobody else's to change. */
export function keychainEnrolments(keychain: Keychain, account: string): EnrolmentStore {
  const service = `${SERVICE}.${requireAccount(account)}`;
  return {
    async load() {
      const stored = await keychain.getGenericPassword({ service });
      return stored ? parse(stored.password) : undefined;
    },
    async save({ deviceId, keyHandle }) {
      await keychain.setGenericPassword('modelseal', JSON.stringify({ deviceId, keyHandle }), {
        service,
        accessible: keychain.ACCESSIBLE.WHEN_UNLOCKED_THIS_DEVICE_ONLY,
        securityLevel: keychain.SECURITY_LEVEL.SECURE_HARDWARE,
      });
    },
    async clear() {
      // Some systems keep an entry past an uninstall; this one says nothing.
      await keychain.setGenericPassword('modelseal', '{}', {
        service,
        accessible: keychain.ACCESSIBLE.WHEN_UNLOCKED_THIS_DEVICE_ONLY,
        securityLevel: keychain.SECURITY_LEVEL.SECURE_HARDWARE,
      });
    },
  };
}

/** What cannot be read counts as none: enrolling anew remedies it. */
function parse(text: string): Enrolment | undefined {
  try {
    const { deviceId, keyHandle } = JSON.parse(text) as Record<string, unknown>;
    if (typeof deviceId === 'string' && typeof keyHandle === 'string')
      return { deviceId, keyHandle };
  } catch {}
  return undefined;
}
