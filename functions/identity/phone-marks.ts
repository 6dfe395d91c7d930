/**
 * What a vendor remembers of a phone for us, through reinstalling and factory reset: three bits of
 * Play's device recall (https://developer.android.com/google/play/integrity/device-recall), or the
 * two of Apple's DeviceCheck (https://developer.apple.com/documentation/devicecheck). They tell how
 * many accounts were enrolled on a phone of late and whether one of them was blocked: of whom they
 * were nobody can learn from them. Bits older than the month before say nothing.
 */

/** How many other accounts, three meaning three or more, and whether one was blocked. */
export interface PhoneMarks {
  readonly accounts: number;
  readonly blocked: boolean;
}

export const NO_MARKS: PhoneMarks = { accounts: 0, blocked: false };

/** The first two bits count, the last tells of a block; a vendor with two bits counts to one. */
export type MarkBits = readonly [boolean, boolean, boolean];

const MAX_ACCOUNTS = 3;

/** @param writtenMonth when the bits were written last, as `yyyymm`; null where they never were. */
export function marksOf(
  [low, high, blocked]: MarkBits,
  writtenMonth: number | null,
  now: Date,
): PhoneMarks {
  const age = writtenMonth === null ? Number.POSITIVE_INFINITY : monthsSince(writtenMonth, now);
  if (age > 1) return NO_MARKS;
  return { accounts: (low ? 1 : 0) + (high ? 2 : 0), blocked };
}

/** The bits to write once one more account is enrolled on a phone with these marks, or one is blocked. */
export function markedBits(
  { accounts, blocked }: PhoneMarks,
  news: { readonly newAccount: boolean; readonly blocked: boolean },
): MarkBits {
  const count = Math.min(MAX_ACCOUNTS, accounts + (news.newAccount ? 1 : 0));
  return [(count & 1) === 1, (count & 2) === 2, blocked || news.blocked];
}

const monthsSince = (month: number, now: Date): number =>
  12 * (now.getUTCFullYear() - Math.floor(month / 100)) + now.getUTCMonth() + 1 - (month % 100);

/**
 * What is known of a device's phone: what the vendor told at enrolment, and Apple's risk metric, which
 * counts the keys that the app attested on it within about thirty days; each beyond the first was an
 * account, or the same one after a reinstall. Null where nothing is known.
 */
export function marksOfPhone({
  phone,
  riskMetric,
}: {
  readonly phone: PhoneMarks | null;
  readonly riskMetric: number | null;
}): PhoneMarks | null {
  if (riskMetric === null) return phone;
  const accounts = Math.min(MAX_ACCOUNTS, Math.max(phone?.accounts ?? 0, riskMetric - 1));
  return { accounts, blocked: phone?.blocked ?? false };
}

/** The marks that vendors' signals tell; null where they tell none, as where the app's owner has turned them off. */
export function recalledMarks(
  signals: Readonly<Record<string, string | number | boolean>>,
  now: Date,
): PhoneMarks | null {
  const { deviceRecall, deviceRecallMonth, deviceCheck, deviceCheckMonth } = signals;
  if (typeof deviceCheck === 'string') return twoBits(deviceCheck, deviceCheckMonth, now);
  if (typeof deviceRecall !== 'string') return null;
  const set = new Set(deviceRecall.split(','));
  const bits: MarkBits = [set.has('bitFirst'), set.has('bitSecond'), set.has('bitThird')];
  return marksOf(bits, typeof deviceRecallMonth === 'number' ? deviceRecallMonth : null, now);
}

/** Null for an answer that is none: an outage, or no token. */
function twoBits(names: string, month: unknown, now: Date): PhoneMarks | null {
  const set = new Set(names === '' ? [] : names.split(','));
  if (![...set].every((name) => name === 'bit0' || name === 'bit1')) return null;
  const bits: MarkBits = [set.has('bit0'), false, set.has('bit1')];
  return marksOf(bits, typeof month === 'number' ? month : null, now);
}

/** The same marks where a vendor keeps two bits only: whether there was an account, and whether one was blocked. */
export const asTwoBits = ([low, high, blocked]: MarkBits) => ({ bit0: low || high, bit1: blocked });
