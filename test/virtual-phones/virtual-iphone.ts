import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { AttestedKey } from '../../sdk/typescript/platform.ts';
import { VirtualAppAttest, type VirtualAppAttestOptions } from './app-attest.ts';
import type { VirtualPlatform } from './virtual-platform.ts';

/** An iPhone in software: App Attest under a test root, which only a local stack trusts. */
export function virtualIphone(
  options: VirtualAppAttestOptions & { readonly appVersion?: string },
): VirtualPlatform & { readonly appAttest: VirtualAppAttest } {
  const appAttest = new VirtualAppAttest(options);
  return {
    appAttest,
    platform: 'ios',
    appId: `${options.teamId}.${options.bundleId}`,
    appVersion: options.appVersion ?? '1.0.0',

    async createAttestedKey(clientDataHash): Promise<AttestedKey> {
      const keyId = await appAttest.generateKey();
      const attestationObject = toBase64url(await appAttest.attestKey(keyId, clientDataHash));
      return {
        keyHandle: keyId,
        attestation: { format: 'apple-appattest', keyId, attestationObject },
      };
    },

    async prove(keyHandle, clientDataHash) {
      const assertion = await appAttest.generateAssertion(keyHandle, clientDataHash);
      return { format: 'apple-appattest', assertion: toBase64url(assertion) };
    },
  };
}
