/** What a phone's platform gives to the client: attested keys that cannot leave the hardware. */
export interface DevicePlatform {
  readonly platform: 'ios' | 'android';
  /** As the platform writes it: team id and bundle id on iOS, the package name on Android. */
  readonly appId: string;
  readonly appVersion: string;
  /**
   * Makes a new key and has the platform attest it for exactly this client data, given as the hash of
   * its bytes and, for bridges that take text only, as the JSON text whose UTF-8 those bytes are.
   * Throws PlatformBusyError where the platform cannot now: the next call goes on with the same key.
   * Throws KeyLostError where it will not have this key: the next call makes another.
   */
  createAttestedKey(clientDataHash: Uint8Array, clientDataJson: string): Promise<AttestedKey>;
  /**
   * A proof by that key over this client data. Throws KeyLostError where the platform has the key no
   * more or will not use it, PlatformBusyError where the same key may work in a moment.
   */
  prove(
    keyHandle: string,
    clientDataHash: Uint8Array,
    clientDataJson: string,
  ): Promise<Readonly<Record<string, unknown>>>;
}

export interface AttestedKey {
  /** How the platform finds the key again; no secret. */
  readonly keyHandle: string;
  /** The member `attestation` of the enrolment request. */
  readonly attestation: Readonly<Record<string, unknown>>;
}

/**
 * The platform has the key no more or rejects it, as after a reinstall or a restore, and at times for
 * no reason that it tells: normal, and mended by enrolling anew, once.
 */
export class KeyLostError extends Error {
  constructor(options?: ErrorOptions) {
    super('the attested key is gone or rejected', options);
    this.name = 'KeyLostError';
  }
}

/** The platform, or a service of its maker's, cannot do it now: worth a retry with the same key. */
export class PlatformBusyError extends Error {
  constructor(options?: ErrorOptions) {
    const { cause } = options ?? {};
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    super(`the platform cannot do it now${why}`, options);
    this.name = 'PlatformBusyError';
  }
}

/** Where the client remembers its enrolment between starts of the app. */
export interface EnrolmentStore {
  load(): Promise<Enrolment | undefined>;
  save(enrolment: Enrolment): Promise<void>;
  /** Forgets it; no error where there is none. */
  clear(): Promise<void>;
}

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
