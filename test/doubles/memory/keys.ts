import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  type KeyService,
  type KeyState,
  type PublicSigningKey,
  UnwrapError,
} from '../../../functions/cloud/keys.ts';
import {
  chosenVersions,
  type SigningKeys,
  signedBy,
  signingKidOf,
} from '../../../functions/cloud/signing-versions.ts';
import { UpstreamError } from '../../../functions/cloud/upstream-error.ts';
import { LOCAL_SIGNING_KEYS } from '../kms/kms-keys.ts';

/** Keys that outlive what was chosen of their versions; a version is made when it is first named. */
export interface MemoryKeyRing {
  readonly wrappingKey: Uint8Array;
  readonly privateKeys: Map<string, KeyObject>;
}

/** A ring of fresh keys. */
export const memoryKeyRing = (): MemoryKeyRing => ({
  wrappingKey: randomBytes(32),
  privateKeys: new Map(),
});

/** The key service in memory. Two on one `ring` are one deployment before and after a choice. */
export function memoryKeys(
  signingKeys: SigningKeys = LOCAL_SIGNING_KEYS,
  { wrappingKey, privateKeys }: MemoryKeyRing = memoryKeyRing(),
): KeyService {
  const privateKey = (kid: string): KeyObject => {
    const known = privateKeys.get(kid);
    if (known) return known;
    const { privateKey: made } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    privateKeys.set(kid, made);
    return made;
  };
  /** Kept, as the service's client keeps what it was told. */
  const jwks = new Map<string, PublicSigningKey['jwk']>();
  const published = (kid: string, state: KeyState): PublicSigningKey => {
    const known = jwks.get(kid);
    if (known) return { kid, state, jwk: known };
    const { x = '', y = '' } = createPublicKey(privateKey(kid)).export({ format: 'jwk' });
    const jwk = { kty: 'EC', crv: 'P-256', x, y } as const;
    jwks.set(kid, jwk);
    return { kid, state, jwk };
  };

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
    signingKid: async (key) => signingKidOf(signingKeys, key),
    sign: async (kid, message) => {
      if (!signedBy(signingKeys, kid)) {
        throw new UpstreamError('kms', 'sign', { cause: `does not sign: ${kid}` });
      }
      const key = { key: privateKey(kid), dsaEncoding: 'ieee-p1363' } as const;
      return new Uint8Array(sign('sha256', message, key));
    },
    publicKeys: async (key) => {
      const [first, ...others] = chosenVersions(signingKeys, key).map(({ kid, state }) =>
        published(kid, state),
      );
      return [first as PublicSigningKey, ...others];
    },
  };
}
