import { randomBytes, randomUUID } from 'node:crypto';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { AttestedKey } from '../../sdk/typescript/platform.ts';
import {
  type KeyAttestationOverrides,
  VirtualKeystore,
  type VirtualKeystoreOptions,
} from './key-attestation.ts';
import type { VirtualPlayIntegrity } from './play-integrity.ts';
import type { VirtualPlatform } from './virtual-platform.ts';

export interface VirtualPixelOptions extends VirtualKeystoreOptions {
  readonly appVersion?: string;
  /** Google Play on this phone; absent on one without it. */
  readonly playIntegrity?: VirtualPlayIntegrity;
}

/** What a rooted phone's hardware tells: an unlocked bootloader and a system of somebody else's. */
export const ROOTED: KeyAttestationOverrides = {
  deviceLocked: false,
  verifiedBootState: 2,
  verifiedBootKey: new Uint8Array(randomBytes(32)),
};

/** A Pixel in software: Key Attestation under a test root, which only a local stack trusts. */
export function virtualPixel(
  options: VirtualPixelOptions,
): VirtualPlatform & { readonly keystore: VirtualKeystore } {
  const keystore = new VirtualKeystore(options);
  return {
    keystore,
    platform: 'android',
    appId: options.packageName,
    appVersion: options.appVersion ?? '1.0.0',

    async createAttestedKey(clientDataHash): Promise<AttestedKey> {
      const keyHandle = randomUUID();
      await keystore.generateKey(keyHandle, clientDataHash);
      const x5c = keystore.getCertificateChain(keyHandle).map(toBase64url);
      const integrityToken = await options.playIntegrity?.requestToken(clientDataHash);
      return {
        keyHandle,
        attestation: {
          format: 'android-key',
          x5c,
          ...(integrityToken !== undefined && { integrityToken }),
        },
      };
    },

    async prove(keyHandle, clientDataHash) {
      const signature = toBase64url(keystore.sign(keyHandle, clientDataHash));
      return { format: 'android-key', signature };
    },
  };
}
