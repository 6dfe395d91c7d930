import { z } from 'zod';
import { AttestationError, AttestationServiceError } from '../errors.ts';
import { requestVendor } from '../vendor-request.ts';
import { type IntegrityPayload, parseIntegrityPayload } from './payload.ts';

export const GOOGLE_INTEGRITY_URL = 'https://playintegrity.googleapis.com';
/** What the service account's access token has to be for. */
export const GOOGLE_INTEGRITY_SCOPE = 'https://www.googleapis.com/auth/playintegrity';

export interface DecodeClientOptions {
  /** `GOOGLE_INTEGRITY_URL`, or a local server's. */
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
  /** A current access token of the service account. */
  readonly accessToken: () => Promise<string>;
  readonly timeoutMs?: number;
}

const answerBody = z.object({ tokenPayloadExternal: z.unknown() });
const PACKAGE_NAME = /^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/;
const MAX_ANSWER_BYTES = 65_536;

/**
 * Has Google decode an integrity token; Google also clears its replay protection this way. Google
 * answers 400 for a token it did not issue for this app, which is the device's doing and not an outage.
 *
 * Throws AttestationServiceError where Google does not do its part, and for a refused token
 * AttestationError `integrity-token-malformed`.
 */
export async function decodeIntegrityToken(
  options: DecodeClientOptions,
  packageName: string,
  token: string,
): Promise<IntegrityPayload> {
  const answer = await requestVendor({
    fetch: options.fetch,
    url: integrityUrl(options, packageName, ':decodeIntegrityToken'),
    method: 'POST',
    headers: {
      authorization: `Bearer ${await options.accessToken()}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ integrityToken: token }),
    accept: [200, 400],
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: options.timeoutMs ?? 10_000,
  });
  if (answer.status === 400) {
    throw new AttestationError('integrity-token-malformed', 'Google refused the token');
  }
  const body = answerBody.safeParse(jsonOf(answer.body));
  if (!body.success || body.data.tokenPayloadExternal === undefined) {
    throw new AttestationServiceError('unexpected-answer', 'no payload in the answer');
  }
  return parseIntegrityPayload(body.data.tokenPayloadExternal);
}

/** Of a method on an app. Throws TypeError for what is no package name. */
export function integrityUrl(
  { baseUrl }: Pick<DecodeClientOptions, 'baseUrl'>,
  packageName: string,
  method: ':decodeIntegrityToken' | '/deviceRecall:write',
): URL {
  if (!PACKAGE_NAME.test(packageName)) throw new TypeError('not a package name');
  return new URL(`/v1/${packageName}${method}`, baseUrl);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new AttestationServiceError('unexpected-answer', 'answer is not JSON', { cause });
  }
}
