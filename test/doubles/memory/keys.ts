import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  type KeyService,
  type PublicSigningKey,
  type SigningKeyName,
  UnwrapError,
} from '../../../functions/cloud/keys.ts';
import { UpstreamError } from '../../../functions/cloud/upstream-error.ts';

/** The key service in memory, with fresh keys: one wrapping key and one version of each signing key. */
export function memoryKeys(): KeyService {
  const wrappingKey = randomBytes(32);
  const signing = { manifest: signingKey('manifest'), licence: signingKey('licence') };

  return {
    wrap: async (plaintext, aad) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', wrappingKey, iv).setAAD(aad);
      const sealed = [cipher.update(plaintext), cipher.final()];
      return new Uint8Array(Buffer.concat([iv, cipher.getAuthTag(), ...sealed]));
    },
    unwrap: async (wrapped, aad) => {
      try {
        const decipher = createDecipheriv('aes-256-gcm', wrappingKey, wrapped.subarray(0, 12), {
          authTagLength: 16,
        });
        decipher.setAAD(aad).setAuthTag(wrapped.subarray(12, 28));
        const opened = [decipher.update(wrapped.subarray(28)), decipher.final()];
        return new Uint8Array(Buffer.concat(opened));
      } catch (cause) {
        throw new UnwrapError({ cause });
      }
    },
    sign: async (kid, message) => {
      const pair = Object.values(signing).find((each) => each.published.kid === kid);
      if (!pair) throw new UpstreamError('kms', 'sign', { cause: `no such key: ${kid}` });
      const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' } as const;
      return new Uint8Array(sign('sha256', message, key));
    },
    publicKeys: async (key) => [signing[key].published],
  };
}

function signingKey(name: SigningKeyName): {
  readonly privateKey: KeyObject;
  readonly published: PublicSigningKey;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return { privateKey, published: { kid: `${name}.1`, jwk: { kty: 'EC', crv: 'P-256', x, y } } };
}
