import { concat } from '../../../functions/protocol/bytes.ts';
import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { HardwareKey } from '../opening/hardware-key.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const NO_AAD = new Uint8Array(0);

/** A stand-in for a hardware key where there is no such hardware: AES-256-GCM under 32 bytes in memory. */
export function softwareKey(crypto: SealingCrypto, key: Uint8Array): HardwareKey {
  return {
    async wrap(secret) {
      const iv = crypto.randomBytes(IV_BYTES);
      const { ciphertext, tag } = await crypto.gcmSeal(key, iv, NO_AAD, secret);
      return concat(iv, tag, ciphertext);
    },
    async unwrap(wrapped) {
      if (wrapped.byteLength < IV_BYTES + TAG_BYTES) throw new SealError('storage-corrupt', 'key');
      const iv = wrapped.subarray(0, IV_BYTES);
      const tag = wrapped.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
      const ciphertext = wrapped.subarray(IV_BYTES + TAG_BYTES);
      const into = new Uint8Array(ciphertext.byteLength);
      const secret = await crypto.gcmOpen(key, iv, NO_AAD, ciphertext, tag, into);
      if (!secret) throw new SealError('storage-corrupt', 'key');
      return secret;
    },
  };
}
