import type { DeviceTraits } from '../../functions/protocol/rollout.ts';

/** What a phone's platform gives to the client: attested keys that cannot leave the hardware. */
export interface DevicePlatform {
  readonly platform: 'ios' | 'android';
  /** As the platform writes it: team id and bundle id on iOS, the package name on Android. */
  readonly appId: string;
  readonly appVersion: string;
  /** By which the publisher may give this phone another file of a model; nothing where absent. */
  readonly traits?: DeviceTraits;
  /**
   * Makes a new key and has the platform attest it for exactly this client data.
   *
   * @param clientDataHash SHA-256 of the client data's bytes.
   * @param clientDataJson For bridges that take text only: the JSON text whose UTF-8 those bytes are.
   * @throws {PlatformBusyError} The platform cannot now: the next call goes on with the same key.
   * @throws {KeyLostError} It will not have this key: the next call makes another.
   */
  createAttestedKey(clientDataHash: Uint8Array, clientDataJson: string): Promise<AttestedKey>;
  /**
   * A proof by that key over this client data.
   *
   * @param keyHandle {@link AttestedKey.keyHandle}.
   * @param clientDataHash SHA-256 of the client data's bytes.
   * @param clientDataJson The JSON text whose UTF-8 those bytes are.
   * @returns The member `proof` of the request.
   * @throws {KeyLostError} The platform has the key no more or will not use it.
   * @throws {PlatformBusyError} The same key may work in a moment.
   */
  prove(
    keyHandle: string,
    clientDataHash: Uint8Array,
    clientDataJson: string,
  ): Promise<Readonly<Record<string, unknown>>>;
}

/** A key that the platform has attested. */
export interface AttestedKey {
  /** How the platform finds the key again; no secret. */
  readonly keyHandle: string;
  /** The member `attestation` of the enrolment request. */
  readonly attestation: Readonly<Record<string, unknown>>;
}

/**
 * The platform has the key no more or rejects it, as after a reinstall or a restore, and at times for
 * no reason that it tells: normal, and remedied by enrolling anew, once.
 *
 * @example
 * prove: async (keyHandle, hash) => {
 *   const key = await keychain.find(keyHandle);
 *   if (!key) throw new KeyLostError();
 *   return { format: 'android-key', signature: await key.sign(hash) };
 * },
 */
export class KeyLostError extends Error {
  /** @param options The native module's error as `cause`. */
  constructor(options?: ErrorOptions) {
    super('the attested key is gone or rejected', options);
    this.name = 'KeyLostError';
  }
}

/**
 * The platform, or a service of its maker's, cannot do it now: worth a retry with the same key.
 *
 * @example
 * const attestation = await appAttest.attestKey(keyId, json).catch((cause: unknown) => {
 *   throw codeOf(cause) === 'serverUnavailable' ? new PlatformBusyError({ cause }) : cause;
 * });
 */
export class PlatformBusyError extends Error {
  /** @param options The native module's error as `cause`. */
  constructor(options?: ErrorOptions) {
    const { cause } = options ?? {};
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    super(`the platform cannot do it now${why}`, options);
    this.name = 'PlatformBusyError';
  }
}

/** Where the client remembers its enrolment between starts of the app. */
export interface EnrolmentStore {
  /** Undefined where none was saved, or where it is damaged; rejects where it cannot be read now. */
  load(): Promise<Enrolment | undefined>;
  /** Replaces the one before. */
  save(enrolment: Enrolment): Promise<void>;
  /** Forgets it; no error where there is none. */
  clear(): Promise<void>;
}

/** Which device this is for the service, and how its key is found again. No secret. */
export interface Enrolment {
  readonly deviceId: string;
  readonly keyHandle: string;
}

/** Remembers until the process ends. */
export function memoryEnrolmentStore(): EnrolmentStore {
  let known: Enrolment | undefined;
  return {
    load: async () => known,
    save: async (enrolment) => {
      known = enrolment;
    },
    clear: async () => {
      known = undefined;
    },
  };
}
