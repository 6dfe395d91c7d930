/** Phones in software for clients in other processes, signed for by this stack's test roots. */
import { fromBase64url } from '../../functions/protocol/encoding.ts';
import { KeyLostError } from '../../sdk/typescript/platform.ts';
import { LOCAL_ANDROID_APP, type LocalVendors } from '../doubles/vendors.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';
import { virtualIphone } from '../virtual-phones/virtual-iphone.ts';
import { virtualPixel } from '../virtual-phones/virtual-pixel.ts';
import type { VirtualPlatform } from '../virtual-phones/virtual-platform.ts';
import { type Call, Refusal } from './development-call.ts';
import { LOCAL_APP } from './local-environment.ts';

/** What the phones run, and what a policy knows it by. */
export const DEVELOPMENT_APPS = {
  ios: { appId: `${LOCAL_APP.teamId}.${LOCAL_APP.bundleId}`, appVersion: '1.0.0' },
  android: {
    appId: LOCAL_ANDROID_APP.packageName,
    appVersion: '1.0.0',
    signingCertificateDigest: LOCAL_ANDROID_APP.signingCertificateDigest.toString('hex'),
  },
} as const;

/** The oldest makes room for a new one. */
const MAX_PHONES = 1000;

/**
 * The calls by which such a phone is used: `POST /attestations` makes a phone with one attested key,
 * `POST /proofs` signs with it. Both refuse with `key_lost`, `platform_unknown` or
 * `client_data_hash_invalid`.
 */
export function developmentPhones(
  roots: TestRoots,
  { play }: Pick<LocalVendors, 'play'>,
): Readonly<Record<string, Call>> {
  const phones = new Map<string, VirtualPlatform>();

  function makePhone(platform: unknown): VirtualPlatform {
    if (platform === 'ios')
      return virtualIphone({ roots, ...LOCAL_APP, environment: 'production' });
    if (platform === 'android') {
      return virtualPixel({ roots, ...LOCAL_ANDROID_APP, playIntegrity: play });
    }
    throw new Refusal(422, 'platform_unknown');
  }

  return {
    'GET /apps': async () => DEVELOPMENT_APPS,

    'POST /attestations': async (asked) => {
      const { platform, clientDataHash } = asked.json();
      const phone = makePhone(platform);
      const { keyHandle, attestation } = await phone.createAttestedKey(hashOf(clientDataHash));
      const [oldest] = phones.keys();
      if (oldest !== undefined && phones.size >= MAX_PHONES) phones.delete(oldest);
      phones.set(keyHandle, phone);
      return { keyHandle, attestation };
    },

    'POST /proofs': async (asked) => {
      const { keyHandle, clientDataHash } = asked.json();
      const phone = phones.get(String(keyHandle));
      if (!phone) throw new Refusal(404, 'key_lost');
      try {
        return { proof: await phone.prove(String(keyHandle), hashOf(clientDataHash)) };
      } catch (error) {
        throw error instanceof KeyLostError ? new Refusal(404, 'key_lost') : error;
      }
    },
  };
}

function hashOf(value: unknown): Uint8Array {
  const hash = typeof value === 'string' ? fromBase64url(value) : null;
  if (hash?.byteLength !== 32) throw new Refusal(422, 'client_data_hash_invalid');
  return hash;
}
