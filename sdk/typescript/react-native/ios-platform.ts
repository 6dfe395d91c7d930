/** App Attest, through the module @expo/app-integrity. */
import { type AttestedKey, type DevicePlatform, KeyLostError } from '../platform.ts';
import { base64ToBase64url } from './base64.ts';

/** What is used of the module `@expo/app-integrity`, version 57. It hashes the texts it is given. */
export interface AppIntegrity {
  generateKeyAsync(): Promise<string>;
  attestKeyAsync(keyId: string, clientData: string): Promise<string>;
  generateAssertionAsync(keyId: string, clientData: string): Promise<string>;
}

/** Which app this is. */
export interface AppIdentity {
  /** Team id and bundle id on iOS, the package name on Android. */
  readonly appId: string;
  /** Such as `3.1.0`. */
  readonly appVersion: string;
}

/** As Apple says for a key of an earlier installation or of another phone. */
const INVALID_KEY = 'ERR_APP_INTEGRITY_INVALID_KEY';

/**
 * An iPhone, by App Attest.
 *
 * @param integrity The native module.
 * @param app `appId` is team id and bundle id, such as `TEAM123456.com.example.app`.
 */
export function iosPlatform(integrity: AppIntegrity, app: AppIdentity): DevicePlatform {
  return {
    platform: 'ios',
    ...app,

    async createAttestedKey(_hash, clientDataJson): Promise<AttestedKey> {
      const keyId = await integrity.generateKeyAsync();
      const attestation = await integrity.attestKeyAsync(keyId, clientDataJson);
      return {
        keyHandle: keyId,
        attestation: {
          format: 'apple-appattest',
          keyId,
          attestationObject: base64ToBase64url(attestation),
        },
      };
    },

    async prove(keyId, _hash, clientDataJson) {
      const assertion = await integrity
        .generateAssertionAsync(keyId, clientDataJson)
        .catch((error: { readonly code?: unknown }) => {
          throw error.code === INVALID_KEY ? new KeyLostError({ cause: error }) : error;
        });
      return { format: 'apple-appattest', assertion: base64ToBase64url(assertion) };
    },
  };
}
