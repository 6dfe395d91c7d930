/** Phones as hardware, and what their vendors remember of them through reinstalling and factory reset. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { deviceIdOf } from '../../functions/identity/devices.ts';
import {
  asTwoBits,
  type MarkBits,
  markedBits,
  marksOf,
  NO_MARKS,
  type PhoneMarks,
} from '../../functions/identity/phone-marks.ts';
import { DAY } from './time.ts';

export interface Phone {
  readonly platform: 'ios' | 'android';
  /** Whether its attestation can succeed. */
  genuine: boolean;
  /** When keys of the app were attested on it, as Apple counts them over thirty days. */
  readonly attestedAt: number[];
  /** Play's device recall or Apple's DeviceCheck; an old phone has neither. */
  readonly recalls: boolean;
  /** What else Google tells of it when a key is attested; nothing of an iPhone. */
  readonly signals: PhoneSignals;
  bits: MarkBits;
  bitsMonth: number | null;
}

export interface PhoneSignals {
  /** Play's level of tokens that the phone asked for within the hour. */
  readonly deviceActivity?: 'LEVEL_1' | 'LEVEL_4';
  /** Attestation certificates issued to it within thirty days. */
  readonly certificatesIssued?: number;
}

export interface PhoneOptions {
  readonly genuine?: boolean;
  readonly recalls?: boolean;
  readonly signals?: PhoneSignals;
}

/** One installation of the app for one user: a key, once enrolled a device. */
export interface Install {
  readonly phone: Phone;
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly deviceId: string;
  readonly appVersion: string;
  enrolledAt: number;
}

export function newPhone(
  platform: 'ios' | 'android',
  { genuine = true, recalls = true, signals = {} }: PhoneOptions = {},
): Phone {
  return {
    platform,
    genuine,
    attestedAt: [],
    recalls,
    signals,
    bits: [false, false, false],
    bitsMonth: null,
  };
}

/** A fresh installation, as after a reinstall, a factory reset or on a new phone. */
export function install(phone: Phone, appVersion = '1.0.0'): Install {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return {
    phone,
    privateKey,
    publicKey: spki,
    deviceId: deviceIdOf(spki),
    appVersion,
    enrolledAt: 0,
  };
}

/** What the vendor tells when a key is attested at `now`. */
export function marksAt(phone: Phone, now: number): PhoneMarks | null {
  return phone.recalls ? marksOf(phone.bits, phone.bitsMonth, new Date(now)) : null;
}

/** Has the vendor count one more enrolment in what it remembers: three bits at Google, two at Apple. */
export function remember(phone: Phone, news: { readonly newAccount: boolean }, now: number): void {
  const bits = markedBits(marksAt(phone, now) ?? NO_MARKS, { ...news, blocked: false });
  const { bit0, bit1 } = asTwoBits(bits);
  phone.bits = phone.platform === 'ios' ? [bit0, false, bit1] : bits;
  phone.bitsMonth = monthOf(now);
}

/** Apple's risk metric: keys of the app attested on the phone within thirty days. */
export const riskMetric = ({ attestedAt }: Phone, now: number): number =>
  attestedAt.filter((at) => at > now - 30 * DAY).length;

/** `yyyymm`, all that a vendor tells of when bits were written. */
export const monthOf = (now: number): number => {
  const date = new Date(now);
  return date.getUTCFullYear() * 100 + date.getUTCMonth() + 1;
};
