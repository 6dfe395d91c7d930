import { toBase64url } from '../../functions/protocol/encoding.ts';
import {
  type AttestedKey,
  type DevicePlatform,
  KeyLostError,
} from '../../sdk/typescript/platform.ts';

/** A stack that `npm start` has begun, and which of its phones. */
export interface DevelopmentPhoneOptions {
  /** Of the stack's development server, as `npm start` prints it. */
  readonly developmentUrl: string;
  readonly platform: 'ios' | 'android';
  readonly appId: string;
  readonly appVersion?: string;
}

/** A phone in software that the stack's development server keeps: it attests and signs over HTTP. */
export function developmentPhone({
  developmentUrl,
  platform,
  appId,
  appVersion = '1.0.0',
}: DevelopmentPhoneOptions): DevicePlatform {
  async function ask<T>(path: string, body: object): Promise<T> {
    const response = await fetch(developmentUrl + path, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { readonly code?: string };
    if (answer.code === 'key_lost') throw new KeyLostError();
    if (!response.ok) throw new Error(`${path}: ${answer.code}`);
    return answer as T;
  }
  return {
    platform,
    appId,
    appVersion,
    createAttestedKey: (hash) =>
      ask<AttestedKey>('/attestations', { platform, clientDataHash: toBase64url(hash) }),
    async prove(keyHandle, hash) {
      const asked = { keyHandle, clientDataHash: toBase64url(hash) };
      return (await ask<{ proof: Record<string, unknown> }>('/proofs', asked)).proof;
    },
  };
}
