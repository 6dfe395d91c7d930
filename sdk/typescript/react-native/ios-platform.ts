/** App Attest, through the module @expo/app-integrity. */
import type { DeviceTraits } from '../../../functions/protocol/rollout.ts';
import {
  type AttestedKey,
  type DevicePlatform,
  KeyLostError,
  PlatformBusyError,
} from '../platform.ts';
import { base64ToBase64url } from './base64.ts';
import { memoryPendingKey, type PendingKey } from './pending-key.ts';

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
  /** What the phone says of itself, such as `expoDeviceTraits(Device)`; nothing where absent. */
  readonly traits?: DeviceTraits;
}

export interface IosOptions extends AppIdentity {
  /** Remembers a key that Apple has yet to attest; only until the app ends where absent. */
  readonly pendingKey?: PendingKey;
  /**
   * A token of Apple's DeviceCheck, made now and in base64, as `DCDevice.current.generateToken` gives it:
   * `@expo/app-integrity` has none. Only for operators whose policy looks at it; undefined where the
   * phone has none to give.
   */
  readonly deviceToken?: () => Promise<string | undefined>;
}

/**
 * The module's codes for DCError. With `serverUnavailable` Apple wants the same key and the same hash
 * again, later; with any other error, the key discarded:
 * https://developer.apple.com/documentation/devicecheck/dcerror-swift.struct/serverunavailable
 */
const SERVER_UNAVAILABLE = 'ERR_APP_INTEGRITY_SERVER_UNAVAILABLE';
/**
 * Each of them is what Apple says of a key that it will not use: of an earlier installation, of
 * another phone, or for no reason that it tells (firebase-ios-sdk issues 12629 and 16256).
 */
const REJECTED: ReadonlySet<unknown> = new Set([
  'ERR_APP_INTEGRITY_INVALID_KEY',
  'ERR_APP_INTEGRITY_INVALID_INPUT',
  'ERR_APP_INTEGRITY_SYSTEM_FAILURE',
]);

/**
 * An iPhone, by App Attest.
 *
 * @param integrity The native module.
 * @param options `appId` is team id and bundle id, such as `TEAM123456.com.example.app`.
 */
export function iosPlatform(
  integrity: AppIntegrity,
  { pendingKey = memoryPendingKey(), deviceToken, ...app }: IosOptions,
): DevicePlatform {
  return {
    platform: 'ios',
    ...app,

    async createAttestedKey(_hash, clientDataJson): Promise<AttestedKey> {
      const keyId = (await pendingKey.load()) ?? (await integrity.generateKeyAsync());
      await pendingKey.save(keyId);
      const attestation = await integrity
        .attestKeyAsync(keyId, clientDataJson)
        .catch(async (error: unknown) => {
          const known = platformError(error);
          if (!(known instanceof PlatformBusyError)) await pendingKey.save(undefined);
          throw known;
        });
      await pendingKey.save(undefined);
      // Apple's word about the phone is no proof, and a phone that cannot give it enrols without.
      const token = await deviceToken?.().catch(() => undefined);
      return {
        keyHandle: keyId,
        attestation: {
          format: 'apple-appattest',
          keyId,
          attestationObject: base64ToBase64url(attestation),
          ...(token !== undefined && { deviceToken: token }),
        },
      };
    },

    async prove(keyId, _hash, clientDataJson) {
      const assertion = await integrity
        .generateAssertionAsync(keyId, clientDataJson)
        .catch((error: unknown) => {
          throw platformError(error);
        });
      return { format: 'apple-appattest', assertion: base64ToBase64url(assertion) };
    },
  };
}

/** What an error of the module means to the client; the error itself where it means nothing to it. */
function platformError(cause: unknown): unknown {
  const { code } = cause as { readonly code?: unknown };
  if (code === SERVER_UNAVAILABLE) return new PlatformBusyError({ cause });
  return REJECTED.has(code) ? new KeyLostError({ cause }) : cause;
}
