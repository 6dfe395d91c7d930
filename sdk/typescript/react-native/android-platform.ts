/** Android's Keystore and Play Integrity, through the modules of pagopa's IO app. */
import { toBase64url } from '../../../functions/protocol/encoding.ts';
import {
  type AttestedKey,
  type DevicePlatform,
  KeyLostError,
  PlatformBusyError,
} from '../platform.ts';
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

/** As the modules say where there is no key under an alias, and where the system has invalidated it. */
const LOST: ReadonlySet<unknown> = new Set(['PUBLIC_KEY_NOT_FOUND', 'WRONG_KEY_CONFIGURATION']);
/**
 * Where Keystore, the server that provisions its attestation keys, or Google Play fails for now
 * (https://developer.android.com/reference/android/security/KeyStoreException#isTransientFailure()).
 * The modules do not tell these from failures for good, so they are retried and then given up.
 */
const BUSY: ReadonlySet<unknown> = new Set([
  'REQUEST_ATTESTATION_FAILED',
  'PREPARE_TOKEN_EXCEPTION',
  'PREPARE_NOT_CALLED',
  'REQUEST_TOKEN_FAILED',
  'KEYSTORE_LOAD_FAILED',
  'UNABLE_TO_SIGN',
  'UNKNOWN_EXCEPTION',
]);

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
  /** A key that was attested for this challenge, for which Google Play has yet to give its token. */
  let attested: { challenge: string; keyHandle: string; x5c: readonly string[] } | undefined;

  async function attestedKey(challenge: string) {
    if (attested?.challenge === challenge) return attested;
    const keyHandle = newAlias();
    const chain = fromBase64(await attestation.getAttestation(challenge, keyHandle));
    const x5c = new TextDecoder().decode(chain).split(',').map(base64ToBase64url);
    attested = { challenge, keyHandle, x5c };
    return attested;
  }

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
      const challenge = toBase64url(clientDataHash);
      try {
        const { keyHandle, x5c } = await attestedKey(challenge);
        const token = await integrityToken(challenge);
        attested = undefined;
        return {
          keyHandle,
          attestation: {
            format: 'android-key',
            x5c,
            ...(token !== undefined && { integrityToken: token }),
          },
        };
      } catch (error) {
        throw platformError(error);
      }
    },

    async prove(keyHandle, clientDataHash) {
      const signature = await signer
        .sign(toBase64url(clientDataHash), keyHandle)
        .catch((error: unknown) => {
          throw platformError(error);
        });
      return { format: 'android-key', signature: base64ToBase64url(signature) };
    },
  };
}

/** What an error of the modules means to the client; the error itself where it means nothing to it. */
function platformError(cause: unknown): unknown {
  const { message } = cause as { readonly message?: unknown };
  if (BUSY.has(message)) return new PlatformBusyError({ cause });
  return LOST.has(message) ? new KeyLostError({ cause }) : cause;
}
