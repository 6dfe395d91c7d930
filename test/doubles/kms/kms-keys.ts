import { createCipheriv, createDecipheriv, createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { p256 } from '@noble/curves/nist.js';
import type { SigningKeys } from '../../../functions/cloud/signing-versions.ts';

/** The four crypto keys of the local key ring, by resource name. */
export interface LocalKeyNames {
  readonly vault: string;
  readonly manifest: string;
  readonly licence: string;
  readonly device: string;
}

export function localKeyNames(projectId: string): LocalKeyNames {
  const ring = `projects/${projectId}/locations/local/keyRings/modelseal/cryptoKeys`;
  const [vault, manifest] = [`${ring}/vault`, `${ring}/manifest`];
  return { vault, manifest, licence: `${ring}/licence`, device: `${ring}/device` };
}

/** What a local stack starts with: one version of each key signs, and another one is announced. */
export const LOCAL_SIGNING_KEYS: SigningKeys = {
  manifest: { signing: 1, announced: [2], retired: [] },
  licence: { signing: 1, announced: [2], retired: [] },
  device: { signing: 1, announced: [2], retired: [] },
};

/** What is saved: key bytes in base64 by the resource name of the key version. */
type SavedKeys = Readonly<Record<string, string>>;

/** One version of a signing key. */
export interface SigningVersion {
  readonly name: string;
  readonly pem: string;
  readonly enabled: boolean;
  /** ECDSA over a SHA-256 digest, in DER. */
  sign(digest: Uint8Array): Uint8Array;
}

export interface LocalKeys {
  encrypt(plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** Undefined where this key did not encrypt these bytes under `aad`. */
  decrypt(ciphertext: Uint8Array, aad: Uint8Array): Uint8Array | undefined;
  /** Versions of a signing key, oldest first; empty for any other name. */
  signingVersions(key: string): readonly SigningVersion[];
  /** One version more of a signing key; its name. Undefined for any other name. */
  createVersion(key: string): string | undefined;
  /** A disabled version signs nothing and shows no public key. */
  setEnabled(version: string, enabled: boolean): void;
}

/** Software keys, two versions of each that signs: those in `file` where it is given and there, else new ones, which it then holds. */
export function openLocalKeys(names: LocalKeyNames, file?: string): LocalKeys {
  const earlier: SavedKeys =
    file !== undefined && existsSync(file) ? parse(readFileSync(file, 'utf8')) : {};
  const saved: Record<string, string> = { ...fresh(names), ...earlier };
  const save = () => {
    if (file !== undefined) writeFileSync(file, JSON.stringify(saved, null, 2), { mode: 0o600 });
  };
  save();
  const vaultKey = Buffer.from(saved[`${names.vault}/cryptoKeyVersions/1`] ?? '', 'base64');
  const isSigning = (key: string) => key !== names.vault && Object.values(names).includes(key);
  const disabled = new Set<string>();
  const made = new Map<string, Omit<SigningVersion, 'enabled'>>();
  const versionsOf = (key: string): readonly SigningVersion[] =>
    Object.entries(saved)
      .filter(([name]) => isSigning(key) && name.startsWith(`${key}/`))
      .map(([name, text]) => {
        const version = made.get(name) ?? signingVersion(name, Buffer.from(text, 'base64'));
        made.set(name, version);
        return { ...version, enabled: !disabled.has(name) };
      });

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
    signingVersions: versionsOf,
    createVersion: (key) => {
      if (!isSigning(key)) return undefined;
      const name = `${key}/cryptoKeyVersions/${versionsOf(key).length + 1}`;
      saved[name] = secretFor(key, names);
      save();
      return name;
    },
    setEnabled: (version, enabled) => {
      if (enabled) disabled.delete(version);
      else disabled.add(version);
    },
  };
}

function fresh(names: LocalKeyNames): SavedKeys {
  const versions = (key: string) => (key === names.vault ? [1] : [1, 2]);
  return Object.fromEntries(
    Object.values(names).flatMap((key: string) =>
      versions(key).map((version) => [
        `${key}/cryptoKeyVersions/${version}`,
        secretFor(key, names),
      ]),
    ),
  );
}

const secretFor = (key: string, names: LocalKeyNames): string =>
  Buffer.from(key === names.vault ? randomBytes(32) : p256.utils.randomSecretKey()).toString(
    'base64',
  );

function parse(text: string): SavedKeys {
  return JSON.parse(text) as SavedKeys;
}

function signingVersion(name: string, secretKey: Uint8Array): Omit<SigningVersion, 'enabled'> {
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
