import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { AppAttestOverrides } from '../virtual-phones/app-attest.ts';
import { type Attack, outcomeOf } from './attack.ts';
import type { Api } from './lab.ts';
import { type Caller, post, sha256 } from './requests.ts';

export type Iphone = ReturnType<Api['phone']>['platform'];
export type Pixel = ReturnType<Api['pixel']>['platform'];

/** Client data of an enrolment, as bytes. */
export async function enrolData(
  api: Api,
  user: string,
  platform: Iphone | Pixel,
  changes: object = {},
) {
  const { appId, appVersion } = platform;
  const challenge = await api.api(user).challenge('device.enroll');
  const data = { type: 'device.enroll', challenge, platform: platform.platform, appId, appVersion };
  return Buffer.from(JSON.stringify({ ...data, ...changes }));
}

export const enrol = (api: Api, bytes: Uint8Array, attestation: object, user = 'mallory') =>
  outcomeOf(post(api, '/v1/devices', { clientData: toBase64url(bytes), attestation }, { user }));

/**
 * What an iPhone attests for these bytes, with a new key or the enrolled one, and with other parts
 * in place of the genuine ones.
 */
export async function appAttestation(
  phone: Iphone,
  bytes: Uint8Array,
  overrides: AppAttestOverrides = {},
  enrolledKey?: string,
) {
  const keyId = enrolledKey ?? (await phone.appAttest.generateKey());
  const object = await phone.appAttest.attestKey(keyId, sha256(bytes), overrides);
  return { format: 'apple-appattest', keyId, attestationObject: toBase64url(object) };
}

/** Enrols an iPhone's key that is enrolled already, for this user. */
export async function enrolAgain({ api, user, platform, enrolment }: Caller): Promise<string> {
  const phone = platform as Iphone;
  const bytes = await enrolData(api, user, phone);
  const attestation = await appAttestation(phone, bytes, {}, enrolment.keyHandle);
  return enrol(api, bytes, attestation, user);
}

export const untrusted = (attack: Omit<Attack, 'refused'>): Attack => ({
  refused: '403 device_not_trusted',
  ...attack,
});
export const failed = (attack: Omit<Attack, 'refused'>): Attack => ({
  refused: '403 attestation_failed',
  ...attack,
});
