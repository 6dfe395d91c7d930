/**
 * Which of the versions on offer is a device's. Service and device come to the same answer by the
 * release record alone. A device's place in a rollout is fixed by its id: who had a version at 5 % keeps
 * it at 25 %; and the places of two versions have nothing to do with each other.
 */
import { type SealingCrypto, sha256 } from './crypto.ts';
import { lengthPrefixed } from './encoding.ts';
import {
  type Condition,
  EVERYBODY,
  type Rule,
  type Variant,
  type VersionRange,
} from './rollout-rules.ts';

/** What a device says of itself. Nobody proves it, so it chooses a file and opens no door. */
export interface DeviceTraits {
  /** One to four dotted numbers. */
  readonly osVersion?: string;
  /** Memory in GiB, rounded up. */
  readonly ramGb?: number;
  /** In lower case. */
  readonly chip?: string;
}

/** A device as its requests name it. */
export interface RolloutDevice extends DeviceTraits {
  readonly deviceId: string;
  readonly platform: 'ios' | 'android';
  /** One to four dotted numbers. */
  readonly appVersion: string;
}

/** The file that is the device's: of the first rule that is; undefined only where no rule is for all. */
export function offerFor(
  crypto: SealingCrypto,
  { model, rules }: { readonly model: string; readonly rules: readonly Rule[] },
  device: RolloutDevice,
): Variant | undefined {
  for (const rule of rules) {
    const variant = variantFor(crypto, model, rule, device);
    if (variant) return variant;
  }
  return undefined;
}

/** The rule's file for the device, if the rule is for it. */
function variantFor(
  crypto: SealingCrypto,
  model: string,
  { name, share, when, variants, halted }: Rule,
  device: RolloutDevice,
): Variant | undefined {
  if (halted !== undefined || !holds(when, device)) return undefined;
  if (share < EVERYBODY && placeOf(crypto, model, name, device.deviceId) >= share) return undefined;
  return variants.find((variant) => holds(variant.when, device));
}

/** Whether the condition holds for the device; one that asks for what it did not tell does not. */
export function holds(when: Condition | undefined, device: RolloutDevice): boolean {
  if (!when) return true;
  const { platform, app, os, ram, chips, unknown } = when;
  return (
    unknown === undefined &&
    (platform === undefined || platform === device.platform) &&
    isWithin(app, device.appVersion) &&
    isWithin(os, device.osVersion) &&
    isWithin(ram, device.ramGb?.toString()) &&
    (chips === undefined || (device.chip !== undefined && chips.includes(device.chip)))
  );
}

function isWithin(range: VersionRange | undefined, version: string | undefined): boolean {
  if (!range) return true;
  if (version === undefined) return false;
  const { min, below } = range;
  if (min !== undefined && isOlder(version, min)) return false;
  return below === undefined || isOlder(version, below);
}

/** From 0 to 9,999, as even as a hash is: 2^32 is not a multiple, by less than three in a million. */
function placeOf(crypto: SealingCrypto, model: string, name: string, deviceId: string): number {
  const hash = sha256(crypto, lengthPrefixed('modelseal/1 rollout', model, name, deviceId));
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
