/** Android's Keystore and Play Integrity, through the modules of pagopa's IO app. */
import { toBase64url } from '../../../functions/protocol/encoding.ts';
import { type AttestedKey, type DevicePlatform, KeyLostError } from '../platform.ts';
import { base64ToBase64url, fromBase64 } from './base64.ts';
import type { AppIdentity } from './ios-platform.ts';

/** What is used of the module `@pagopa/io-react-native-integrity`, version 0.3. */
export interface KeystoreAttestation {
  /** Makes a key under this alias; base64 of its certificates in base64, leaf first, with commas between. */
  getAttestation(challenge: string, alias: string): Promise<string>;
  prepareIntegrityToken(cloudProjectNumber: string): Promise<void>;
  requestIntegrityToken(requestHash: string): Promise<string>;
}

/** What is used of the module `@pagopa/io-react-native-crypto`, version 1.2. */
export interface KeystoreSigner {
  /** ECDSA with SHA-256 over the UTF-8 of the text: DER in base64. */
  sign(message: string, alias: string): Promise<string>;
}

/** The app, and how its keys and tokens are made. */
export interface AndroidOptions extends AppIdentity {
  /** Of the Google Cloud project that Play Integrity is linked to; absent where the policy asks for no token. */
  readonly cloudProjectNumber?: string;
  /** Makes a name for a key that no other key has. */
  readonly newAlias: () => string;
}

/** As the module says where there is no key under an alias, and where the system has invalidated it. */
const LOST: ReadonlySet<unknown> = new Set(['PUBLIC_KEY_NOT_FOUND', 'WRONG_KEY_CONFIGURATION']);

/**
 * An Android phone, by Key Attestation and, with a project number, Play Integrity.
 *
 * @param attestation The native module that makes keys and tokens.
 * @param signer The native module that signs.
 * @param options `appId` is the package name.
 */
export function androidPlatform(
  attestation: KeystoreAttestation,
  signer: KeystoreSigner,
  { cloudProjectNumber, newAlias, ...app }: AndroidOptions,
): DevicePlatform {
  let prepared: Promise<void> | undefined;

  async function integrityToken(requestHash: string): Promise<string | undefined> {
    if (cloudProjectNumber === undefined) return undefined;
    prepared ??= attestation.prepareIntegrityToken(cloudProjectNumber);
    try {
      await prepared;
      return await attestation.requestIntegrityToken(requestHash);
    } catch (error) {
      // Google lets a prepared provider lapse: the next try prepares another.
      prepared = undefined;
      throw error;
    }
  }

  return {
    platform: 'android',
    ...app,

    async createAttestedKey(clientDataHash): Promise<AttestedKey> {
      const keyHandle = newAlias();
      const challenge = toBase64url(clientDataHash);
      const chain = fromBase64(await attestation.getAttestation(challenge, keyHandle));
      const x5c = new TextDecoder().decode(chain).split(',').map(base64ToBase64url);
      const token = await integrityToken(challenge);
      return {
        keyHandle,
        attestation: {
          format: 'android-key',
          x5c,
          ...(token !== undefined && { integrityToken: token }),
        },
      };
    },

    async prove(keyHandle, clientDataHash) {
      const signature = await signer
        .sign(toBase64url(clientDataHash), keyHandle)
        .catch((error: { readonly message?: unknown }) => {
          throw LOST.has(error.message) ? new KeyLostError({ cause: error }) : error;
        });
      return { format: 'android-key', signature: base64ToBase64url(signature) };
    },
  };
}
