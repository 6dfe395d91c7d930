import { createCipheriv, createDecipheriv, createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { p256 } from '@noble/curves/nist.js';

/** The three crypto keys of the local key ring, by resource name. */
export interface LocalKeyNames {
  readonly vault: string;
  readonly manifest: string;
  readonly licence: string;
}

export function localKeyNames(projectId: string): LocalKeyNames {
  const ring = `projects/${projectId}/locations/local/keyRings/modelseal/cryptoKeys`;
  return { vault: `${ring}/vault`, manifest: `${ring}/manifest`, licence: `${ring}/licence` };
}

/** What is saved: key bytes in base64 by the resource name of the key version. */
type SavedKeys = Readonly<Record<string, string>>;

/** One version of a signing key. */
export interface SigningVersion {
  readonly name: string;
  readonly pem: string;
  /** ECDSA over a SHA-256 digest, in DER. */
  sign(digest: Uint8Array): Uint8Array;
}

export interface LocalKeys {
  encrypt(plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** Undefined where this key did not encrypt these bytes under `aad`. */
  decrypt(ciphertext: Uint8Array, aad: Uint8Array): Uint8Array | undefined;
  /** Versions of a signing key, oldest first; empty for any other name. */
  signingVersions(key: string): readonly SigningVersion[];
}

/** Software keys with one version each: those in `file` where it is given and there, else new ones, which it then holds. */
export function openLocalKeys(names: LocalKeyNames, file?: string): LocalKeys {
  const saved =
    file !== undefined && existsSync(file) ? parse(readFileSync(file, 'utf8')) : fresh(names);
  if (file !== undefined) writeFileSync(file, JSON.stringify(saved, null, 2), { mode: 0o600 });
  const bytesOf = (key: string): Uint8Array => {
    const text = saved[`${key}/cryptoKeyVersions/1`];
    if (text === undefined) throw new Error(`${file} has no version 1 of ${key}`);
    return Buffer.from(text, 'base64');
  };
  const vaultKey = bytesOf(names.vault);
  const signing = [names.manifest, names.licence].map((key) =>
    signingVersion(`${key}/cryptoKeyVersions/1`, bytesOf(key)),
  );

  return {
    encrypt: (plaintext, aad) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', vaultKey, iv).setAAD(aad);
      return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt: (ciphertext, aad) => {
      if (ciphertext.length < 28) return undefined;
      const iv = ciphertext.subarray(0, 12);
      const decipher = createDecipheriv('aes-256-gcm', vaultKey, iv).setAAD(aad);
      decipher.setAuthTag(ciphertext.subarray(-16));
      try {
        return Buffer.concat([decipher.update(ciphertext.subarray(12, -16)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
    signingVersions: (key) => signing.filter(({ name }) => name.startsWith(`${key}/`)),
  };
}

function fresh(names: LocalKeyNames): SavedKeys {
  return Object.fromEntries(
    Object.values(names).map((key: string) => [
      `${key}/cryptoKeyVersions/1`,
      Buffer.from(key === names.vault ? randomBytes(32) : p256.utils.randomSecretKey()).toString(
        'base64',
      ),
    ]),
  );
}

function parse(text: string): SavedKeys {
  return JSON.parse(text) as SavedKeys;
}

function signingVersion(name: string, secretKey: Uint8Array): SigningVersion {
  const point = Buffer.from(p256.getPublicKey(secretKey, false));
  const publicKey = createPublicKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
  return {
    name,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    // node:crypto cannot sign a digest made elsewhere.
    sign: (digest) => p256.sign(digest, secretKey, { prehash: false, lowS: false, format: 'der' }),
  };
}
