import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { compactDecrypt, compactVerify } from 'jose';
import { AttestationError } from '../errors.ts';
import { type IntegrityPayload, parseIntegrityPayload } from './payload.ts';

/** The response encryption keys of an app, from Play Console. */
export interface IntegrityKeys {
  /** AES-256: unwraps the token's content key. */
  readonly decryptionKey: KeyObject;
  /** EC P-256: Google signed with its private half. */
  readonly verificationKey: KeyObject;
}

const MAX_TOKEN_CHARACTERS = 32_768;

/** The keys as Play Console shows them, in base64. Throws TypeError where they are of another kind. */
export function importIntegrityKeys(decryptionKey: string, verificationKey: string): IntegrityKeys {
  const secret = Buffer.from(decryptionKey, 'base64');
  if (secret.length !== 32) throw new TypeError('decryption key is not of 32 bytes');
  const spki = {
    key: Buffer.from(verificationKey, 'base64'),
    type: 'spki',
    format: 'der',
  } as const;
  const publicKey = createPublicKey(spki);
  if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new TypeError('verification key is not on P-256');
  }
  return { decryptionKey: createSecretKey(secret), verificationKey: publicKey };
}

/**
 * Opens an integrity token without asking Google: a JWE (A256KW, A256GCM) around a JWS (ES256). No
 * other algorithm is let in, whatever the token's headers say.
 *
 * Throws AttestationError `integrity-token-malformed`, `integrity-token-signature-invalid`,
 * `integrity-payload-malformed`.
 */
export async function openIntegrityToken(
  token: string,
  keys: IntegrityKeys,
): Promise<IntegrityPayload> {
  if (token.length > MAX_TOKEN_CHARACTERS) {
    throw new AttestationError('integrity-token-malformed', 'token is too large');
  }
  const jws = await decrypt(token, keys.decryptionKey);
  let json: unknown;
  try {
    const { payload } = await compactVerify(jws, keys.verificationKey, { algorithms: ['ES256'] });
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (cause) {
    throw new AttestationError('integrity-token-signature-invalid', undefined, { cause });
  }
  return parseIntegrityPayload(json);
}

async function decrypt(token: string, key: KeyObject): Promise<Uint8Array> {
  try {
    const { plaintext } = await compactDecrypt(token, key, {
      keyManagementAlgorithms: ['A256KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    return plaintext;
  } catch (cause) {
    throw new AttestationError('integrity-token-malformed', 'token does not decrypt', { cause });
  }
}
