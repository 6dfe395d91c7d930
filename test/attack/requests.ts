/** What attackers send: requests that the SDK would not make. */
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { readDevice } from '../../functions/identity/devices.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { generateRecipientKey } from '../../functions/protocol/hpke.ts';
import type { ChallengePurpose } from '../../sdk/typescript/api/api-client.ts';
import type { Enrolment } from '../../sdk/typescript/platform.ts';
import type { VirtualPlatform } from '../virtual-phones/virtual-platform.ts';
import type { Api } from './lab.ts';

/** Somebody with an account and an enrolled phone. */
export interface Caller {
  readonly api: Api;
  readonly user: string;
  readonly platform: VirtualPlatform;
  readonly enrolment: Enrolment;
}

type Phone = ReturnType<Api['phone']> | ReturnType<Api['pixel']>;
type Data = Readonly<Record<string, unknown>>;

export const SUITE = 'P256-HKDF-SHA256-AES256GCM';

export async function caller(api: Api, user: string, phone: Phone): Promise<Caller> {
  return { api, user, platform: phone.platform, enrolment: await phone.enrol() };
}

/** An iPhone's app attests, and each of its proofs counts; a Pixel's proofs have no counter. */
export const withIphone = (api: Api, user: string): Promise<Caller> =>
  caller(api, user, api.phone(user));
export const withPixel = (api: Api, user: string): Promise<Caller> =>
  caller(api, user, api.pixel(user));

export const sha256 = (bytes: Uint8Array | string): Buffer =>
  createHash('sha256').update(bytes).digest();

/** What a caller's app would say to get `smile`, with other members where `changes` has them. */
export async function grantData({ api, user, platform, enrolment }: Caller, changes: Data = {}) {
  const { publicKey } = await generateRecipientKey(SUITE);
  return {
    type: 'model.grant',
    challenge: await api.api(user).challenge('model.grant'),
    deviceId: enrolment.deviceId,
    modelId: 'smile',
    version: 'latest',
    recipientKey: toBase64url(publicKey),
    suite: SUITE,
    appVersion: platform.appVersion,
    ...changes,
  };
}

/** Client data of another kind, with a challenge for it. */
export async function clientData(
  { api, user, platform, enrolment }: Caller,
  type: ChallengePurpose,
  members: Data,
) {
  const challenge = await api.api(user).challenge(type);
  const { appVersion } = platform;
  return { type, challenge, deviceId: enrolment.deviceId, appVersion, ...members };
}

/** Client data with this caller's proof over it; text is taken as it is. */
export async function proven({ platform, enrolment }: Caller, data: Data | string) {
  const bytes = Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
  const proof = await platform.prove(enrolment.keyHandle, sha256(bytes));
  return { clientData: toBase64url(bytes), proof };
}

/** The caller's device as if it had been enrolled with other facts. */
export async function changeDevice({ api, enrolment }: Caller, changes: object): Promise<void> {
  const path = `devices/${enrolment.deviceId}`;
  const before = (await api.clients.documents.get(path)) ?? {};
  const changed = readDevice({ ...before, ...changes });
  const seal = await api.services.deviceSeals.seal(changed);
  await api.clients.documents.set(path, { ...before, ...changes, seal });
}

export interface PostOptions {
  readonly user?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A POST with this user's token. */
export async function post(
  api: Api,
  path: string,
  body: unknown,
  { user = 'mallory', token, headers = {} }: PostOptions = {},
): Promise<Response> {
  return fetch(new URL(path, api.baseUrl), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${token ?? (await api.idp.token(user))}`,
      ...headers,
    },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  } as RequestInit);
}

export const postGrant = async (from: Caller, data: Data | string, path = 'smile') =>
  post(from.api, `/v1/models/${path}/grants`, await proven(from, data), { user: from.user });

/** A request whose path and headers nobody normalises on the way. */
export function verbatim(
  baseUrl: string,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<Response> {
  const { hostname, port } = new URL(baseUrl);
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const status = answer.statusCode ?? 0;
        const text = [204, 304].includes(status) ? null : Buffer.concat(chunks);
        const given = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
        resolve(new Response(text, { status, headers: Object.fromEntries(given) }));
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}
