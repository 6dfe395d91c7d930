import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { SealError } from '../../functions/protocol/errors.ts';
import type { RecipientKey } from '../../functions/protocol/hpke.ts';

/** The recipient of a vector, whose P-256 key is known; opened by another library than ours. */
export async function fixedRecipient(privateKey: Uint8Array): Promise<RecipientKey> {
  const kem = new DhkemP256HkdfSha256();
  const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const recipientKey = await kem.deserializePrivateKey(new Uint8Array(privateKey));
  return {
    suite: 'P256-HKDF-SHA256-AES256GCM',
    publicKey: new Uint8Array(),
    async open({ enc, ct, info, aad }) {
      try {
        const parameters = { recipientKey, enc: new Uint8Array(enc), info: new Uint8Array(info) };
        return new Uint8Array(
          await suite.open(parameters, new Uint8Array(ct), new Uint8Array(aad)),
        );
      } catch (cause) {
        throw new SealError('key-refused', undefined, { cause });
      }
    },
  };
}
