/** Counts an enrolment in what the vendor remembers of the phone. */
import type { EnrolmentServices } from '../attestation/policy/enrolment-input.ts';
import type { AttestedEnrolment } from './enrolment.ts';
import { markedBits, NO_MARKS } from './phone-marks.ts';

/**
 * Whether the phone was marked: undefined where it may not be, false where the vendor's service failed.
 * Never throws, since nobody is refused for it.
 */
export async function markPhone(
  { device, recallToken }: Pick<AttestedEnrolment, 'device' | 'recallToken'>,
  news: { readonly newAccount: boolean; readonly blocked: boolean },
  { writeDeviceRecall }: Pick<EnrolmentServices, 'writeDeviceRecall'>,
): Promise<boolean | undefined> {
  if (recallToken === undefined) return undefined;
  const [bitFirst, bitSecond, bitThird] = markedBits(device.phone ?? NO_MARKS, news);
  const bits = { bitFirst, bitSecond, bitThird };
  return writeDeviceRecall(device.appId, recallToken, bits).then(
    () => true,
    () => false,
  );
}
