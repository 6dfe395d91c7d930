import { AttestationError } from '../errors.ts';
import { requestVendor } from '../vendor-request.ts';
import { type DecodeClientOptions, integrityUrl } from './decode-client.ts';

/** All three bits that Google keeps of a device for an app. */
export interface RecallBits {
  readonly bitFirst: boolean;
  readonly bitSecond: boolean;
  readonly bitThird: boolean;
}

const MAX_ANSWER_BYTES = 4_096;

/**
 * Has Google remember bits of the phone that an integrity token came from, through reinstalling and
 * factory reset, until three years after they were read last. The token may be up to 14 days old, and
 * what was written is read half a minute later:
 * https://developer.android.com/google/play/integrity/device-recall
 *
 * Throws AttestationServiceError where Google does not do its part or the app is not admitted to device
 * recall, and for a refused token AttestationError `integrity-token-malformed`.
 */
export async function writeDeviceRecall(
  options: DecodeClientOptions,
  packageName: string,
  token: string,
  newValues: RecallBits,
): Promise<void> {
  const { status } = await requestVendor({
    fetch: options.fetch,
    url: integrityUrl(options, packageName, '/deviceRecall:write'),
    method: 'POST',
    headers: {
      authorization: `Bearer ${await options.accessToken()}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ integrityToken: token, newValues }),
    accept: [200, 400],
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: options.timeoutMs ?? 2_000,
  });
  if (status === 400) {
    throw new AttestationError('integrity-token-malformed', 'Google refused the token');
  }
}
