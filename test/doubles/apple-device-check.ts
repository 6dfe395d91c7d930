/**
 * Apple's DeviceCheck, as its documentation and those who met it tell: two bits a phone and team, read
 * and written by a token that the phone made lately.
 *
 * Fields, bits and the month: https://developer.apple.com/documentation/devicecheck/accessing-and-modifying-per-device-data
 * A phone without bits is a bare text with status 200: https://github.com/rinchsan/device-check-go/pull/12
 * 400 for a token that is none, or of the other environment: https://github.com/corona-warn-app/cwa-ppa-server/pull/67
 * 400 and 401 for our authorisation: https://github.com/marinosoftware/DeviceCheckSample/issues/3 and 1
 * Tokens of half a minute ago are none any more: https://github.com/marinosoftware/DeviceCheckSample/issues/5
 */
import type { KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';
import { z } from 'zod';
import type { AppAttestEnvironment } from '../../functions/attestation/app-attest/attestation.ts';
import { APPLE_DEVICE_CHECK_URLS } from '../../functions/attestation/app-attest/device-check-client.ts';

const TOKEN_SECONDS = 30;
/** As tokens of APNs, whose form they have: https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns */
const MAX_JWT_SECONDS = 3_600;

const BAD_TOKEN = 'Missing or incorrectly formatted device token payload';

const body = z.object({
  transaction_id: z.string().min(1),
  timestamp: z.int(),
  bit0: z.boolean().optional(),
  bit1: z.boolean().optional(),
});

export interface AppleDeviceCheckOptions {
  readonly teamId: string;
  readonly keyId: string;
  /** Of the team's key. */
  readonly publicKey: KeyObject;
  readonly now: () => Date;
}

export class AppleDeviceCheck {
  readonly #options: AppleDeviceCheckOptions;
  readonly #bits = new Map<string, { bit0: boolean; bit1: boolean; last_update_time: string }>();
  /** The requests that came, by path. */
  readonly asked: string[] = [];
  /** In place of an answer, as long as it is set; may throw as `fetch` does. */
  trouble: (() => Response) | undefined;

  constructor(options: AppleDeviceCheckOptions) {
    this.#options = options;
  }

  /** What `DCDevice.current.generateToken` gives on a phone. */
  tokenOf(phone: string, environment: AppAttestEnvironment = 'production'): string {
    const made = { phone, environment, at: this.#options.now().getTime() };
    return Buffer.from(JSON.stringify(made)).toString('base64');
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    this.asked.push(url.pathname);
    if (this.trouble) return this.trouble();
    const environment = (['production', 'development'] as const).find(
      (name) => APPLE_DEVICE_CHECK_URLS[name] === url.origin,
    );
    if (!environment || init?.method !== 'POST') return new Response('', { status: 405 });
    const refusal = await this.#authorisationRefused(new Headers(init.headers));
    if (refusal) return refusal;
    const sent: unknown = JSON.parse(String(init.body));
    const phone = this.#phoneOf(sent, environment);
    if (phone === undefined) return new Response(BAD_TOKEN, { status: 400 });
    const fields = body.safeParse(sent);
    if (!fields.success) {
      return new Response('Missing or badly formatted transaction id', { status: 400 });
    }
    return url.pathname === '/v1/query_two_bits'
      ? this.#query(phone)
      : this.#update(phone, fields.data);
  };

  async #authorisationRefused(headers: Headers): Promise<Response | undefined> {
    const jwt = /^Bearer (\S+)$/.exec(headers.get('authorization') ?? '')?.[1];
    if (!jwt)
      return new Response('Missing or badly formatted authorization token', { status: 400 });
    const { teamId, keyId, publicKey, now } = this.#options;
    const verified = await jwtVerify(jwt, publicKey, {
      algorithms: ['ES256'],
      issuer: teamId,
      maxTokenAge: MAX_JWT_SECONDS,
      currentDate: now(),
    }).catch(() => undefined);
    return verified?.protectedHeader.kid === keyId
      ? undefined
      : new Response('Unable to verify authorization token', { status: 401 });
  }

  #phoneOf(sent: unknown, environment: AppAttestEnvironment): string | undefined {
    const token = (sent as { readonly device_token?: unknown }).device_token;
    try {
      const made = JSON.parse(Buffer.from(String(token), 'base64').toString());
      const ageMs = this.#options.now().getTime() - made.at;
      const isGood = made.environment === environment && ageMs <= TOKEN_SECONDS * 1000;
      return isGood ? `${environment}/${made.phone}` : undefined;
    } catch {
      return undefined;
    }
  }

  #query(phone: string): Response {
    const bits = this.#bits.get(phone);
    return bits ? Response.json(bits) : new Response('Failed to find bit state');
  }

  #update(phone: string, { bit0, bit1 }: z.infer<typeof body>): Response {
    // What becomes of a bit that is left out is documented nowhere.
    if (bit0 === undefined || bit1 === undefined)
      throw new TypeError('undocumented: one bit alone');
    const month = this.#options.now().toISOString().slice(0, 7);
    this.#bits.set(phone, { bit0, bit1, last_update_time: month });
    return new Response('');
  }
}
