/** What a device must meet that gets models, and goes on using them. */
import type { AttestationPolicy } from '../attestation/policy/schema.ts';
import type { DeviceRequirements } from '../identity/device-call.ts';

export interface RequirementServices {
  readonly config: { readonly attestation: { readonly maxAgeSeconds: number } };
  readonly attestationPolicy: AttestationPolicy;
}

export const requirementsOf = ({
  config,
  attestationPolicy: policy,
}: RequirementServices): DeviceRequirements => ({
  policy,
  attestationMaxAgeSeconds: config.attestation.maxAgeSeconds,
});
