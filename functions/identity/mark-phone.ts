/** Counts an enrolment in what the vendor remembers of the phone. */
import type { EnrolmentServices } from '../attestation/policy/enrolment-input.ts';
import type { AttestedEnrolment } from './enrolment.ts';
import { asTwoBits, markedBits, NO_MARKS } from './phone-marks.ts';

/**
 * Whether the phone was marked: undefined where it may not be, false where the vendor's service failed.
 * Never throws, since nobody is refused for it.
 */
export async function markPhone(
  { device, recallToken }: Pick<AttestedEnrolment, 'device' | 'recallToken'>,
  news: { readonly newAccount: boolean; readonly blocked: boolean },
  services: Pick<EnrolmentServices, 'writeDeviceRecall' | 'updateTwoBits'>,
): Promise<boolean | undefined> {
  if (recallToken === undefined) return undefined;
  const bits = markedBits(device.phone ?? NO_MARKS, news);
  const { environment, appId } = device;
  const [bitFirst, bitSecond, bitThird] = bits;
  const written =
    device.platform === 'ios'
      ? services.updateTwoBits({ environment, token: recallToken }, asTwoBits(bits))
      : services.writeDeviceRecall(appId, recallToken, { bitFirst, bitSecond, bitThird });
  return written.then(
    () => true,
    () => false,
  );
}
