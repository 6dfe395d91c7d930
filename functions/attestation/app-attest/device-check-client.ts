import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { bufferOf } from '../bytes.ts';
import { AttestationError, AttestationServiceError } from '../errors.ts';
import { requestVendor } from '../vendor-request.ts';
import type { AppAttestEnvironment } from './attestation.ts';

/** Apple's servers for DeviceCheck, by the environment that the app was signed for. */
export const APPLE_DEVICE_CHECK_URLS = {
  production: 'https://api.devicecheck.apple.com',
  development: 'https://api.development.devicecheck.apple.com',
} as const;

export interface DeviceCheckOptions {
  readonly teamId: string;
  /** Of a key of the team's account with DeviceCheck ticked. */
  readonly keyId: string;
  /** That key: EC, P-256. */
  readonly privateKey: KeyObject;
  /** One of `APPLE_DEVICE_CHECK_URLS` for each environment, or a local server's. */
  readonly baseUrls: Readonly<Record<AppAttestEnvironment, string>>;
  readonly fetch: typeof fetch;
  readonly timeoutMs?: number;
}

/** A token that `DCDevice` gave the app a moment ago, in base64, and where it is good. */
export interface DeviceCheckToken {
  readonly environment: AppAttestEnvironment;
  readonly token: string;
}

/** The two bits that Apple keeps of a phone for a team, and the month they were written, as `yyyymm`; null for never. */
export interface DeviceCheckBits {
  readonly bit0: boolean;
  readonly bit1: boolean;
  readonly writtenMonth: number | null;
}

export interface DeviceCheckCall {
  /** Unique to the request. */
  readonly transactionId: string;
  readonly now: Date;
}

const NEVER_WRITTEN: DeviceCheckBits = { bit0: false, bit1: false, writtenMonth: null };
/** Apple says so in plain text, with status 200; its documentation has the second, its servers the first. */
const NOT_FOUND: ReadonlySet<string> = new Set(['Failed to find bit state', 'Bit State Not Found']);

const answerOfQuery = z.object({
  bit0: z.boolean(),
  bit1: z.boolean(),
  last_update_time: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/)
    .transform((month) => Number(month.replace('-', ''))),
});

const MAX_ANSWER_BYTES = 4_096;

/**
 * What Apple remembers of the phone for the team, through reinstalling and factory reset:
 * https://developer.apple.com/documentation/devicecheck/accessing-and-modifying-per-device-data
 *
 * Throws AttestationError `device-token-refused` where Apple says that the token is none, and
 * AttestationServiceError where it does not do its part, which is all that is unknown: a phone never
 * looks unmarked because an answer was not understood.
 */
export async function queryTwoBits(
  options: DeviceCheckOptions,
  token: DeviceCheckToken,
  call: DeviceCheckCall,
): Promise<DeviceCheckBits> {
  const text = await ask(options, '/v1/query_two_bits', token, call, {});
  if (NOT_FOUND.has(text)) return NEVER_WRITTEN;
  const answer = answerOfQuery.safeParse(parsed(text));
  if (!answer.success) {
    throw new AttestationServiceError('unexpected-answer', 'no two bits in the answer');
  }
  const { bit0, bit1, last_update_time: writtenMonth } = answer.data;
  return { bit0, bit1, writtenMonth };
}

/** Has Apple remember both bits: what is left out of a request Apple may keep or clear. Throws as `queryTwoBits`. */
export async function updateTwoBits(
  options: DeviceCheckOptions,
  token: DeviceCheckToken,
  bits: Pick<DeviceCheckBits, 'bit0' | 'bit1'>,
  call: DeviceCheckCall,
): Promise<void> {
  const { bit0, bit1 } = bits;
  await ask(options, '/v1/update_two_bits', token, call, { bit0, bit1 });
}

async function ask(
  options: DeviceCheckOptions,
  path: string,
  { environment, token }: DeviceCheckToken,
  { transactionId, now }: DeviceCheckCall,
  bits: Readonly<Record<string, boolean>>,
): Promise<string> {
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: options.keyId })
    .setIssuer(options.teamId)
    .setIssuedAt(now)
    .sign(options.privateKey);
  const { status, body } = await requestVendor({
    fetch: options.fetch,
    url: new URL(path, options.baseUrls[environment]),
    method: 'POST',
    headers: { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      device_token: token,
      transaction_id: transactionId,
      timestamp: now.getTime(),
      ...bits,
    }),
    accept: [200, 400],
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: options.timeoutMs ?? 2_000,
  });
  const text = bufferOf(body).toString('utf8').trim();
  if (status === 200) return text;
  // With the same status Apple complains of what is ours: the authorisation, the time, the transaction.
  if (/device token/i.test(text)) throw new AttestationError('device-token-refused', 'by Apple');
  throw new AttestationServiceError('unexpected-answer', 'Apple refused our request');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
