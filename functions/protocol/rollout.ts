/**
 * Which of the versions on offer is a device's. Service and device come to the same answer by the
 * release record alone. A device's place in a rollout is fixed by its id: who had a version at 5 % keeps
 * it at 25 %; and the places of two versions have nothing to do with each other.
 */
import { type SealingCrypto, sha256 } from './crypto.ts';
import { lengthPrefixed } from './encoding.ts';
import type { Payload } from './token-schema.ts';

/** All devices, in ten-thousandths. */
export const EVERYBODY = 10_000;

const PLATFORMS = ['ios', 'android'] as const;
type Platform = (typeof PLATFORMS)[number];

/** A version that may be given to who asks for the newest, and to which devices. */
export interface Offer {
  readonly version: string;
  /** Digest of the manifest's token, base64url. */
  readonly manifestDigest: string;
  /** Of the devices that the conditions leave, in ten-thousandths; all of them where absent. */
  readonly share?: number;
  /** Of this platform only. */
  readonly platform?: Platform;
  /** With this version of the app or a newer one. */
  readonly minAppVersion?: string;
}

/** A device as its requests name it. */
export interface RolloutDevice {
  readonly deviceId: string;
  readonly platform: Platform;
  /** One to four dotted numbers. */
  readonly appVersion: string;
}

const APP_VERSION = /^\d{1,9}(?:\.\d{1,9}){0,3}$/;

/** One element of a record's `offered`. Throws `token-malformed`. */
export function readOffer(payload: Payload): Offer {
  const share = payload.optionalWhole('share', 1, EVERYBODY);
  const platform = payload.optionalOneOf('platform', PLATFORMS);
  const minAppVersion = payload.optionalMatch('minAppVersion', APP_VERSION);
  return {
    version: payload.text('version'),
    manifestDigest: payload.bytes32('manifestDigest'),
    ...(share !== undefined && { share }),
    ...(platform !== undefined && { platform }),
    ...(minAppVersion !== undefined && { minAppVersion }),
  };
}

/** Whether an offer is for all devices without a condition; the last of a record is. */
export const isForAll = ({ share = EVERYBODY, platform, minAppVersion }: Offer): boolean =>
  share === EVERYBODY && platform === undefined && minAppVersion === undefined;

/** The first offer that is the device's; undefined only where nothing is on offer. */
export function offerFor(
  crypto: SealingCrypto,
  { model, offered }: { readonly model: string; readonly offered: readonly Offer[] },
  device: RolloutDevice,
): Offer | undefined {
  return offered.find((offer) => {
    const { version, share = EVERYBODY, platform, minAppVersion } = offer;
    if (platform !== undefined && platform !== device.platform) return false;
    if (minAppVersion !== undefined && isOlder(device.appVersion, minAppVersion)) return false;
    return share === EVERYBODY || placeOf(crypto, model, version, device.deviceId) < share;
  });
}

/** From 0 to 9,999, as even as a hash is: 2^32 is not a multiple, by less than three in a million. */
function placeOf(crypto: SealingCrypto, model: string, version: string, deviceId: string): number {
  const hash = sha256(crypto, lengthPrefixed('modelseal/1 rollout', model, version, deviceId));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) % EVERYBODY;
}

/** By numbers, from the left; what is missing is 0. */
function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 4; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
