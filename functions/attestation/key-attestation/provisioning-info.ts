import { cborMap, decodeCbor } from '../cbor.ts';
import type { Certificate } from '../certificate.ts';

/** https://developer.android.com/privacy-and-security/security-key-attestation#provisioning_attestation_ext_schema */
const PROVISIONING_INFO_EXTENSION = '1.3.6.1.4.1.11129.2.1.30';

export interface ProvisioningInfo {
  /** About how many attestation certificates Google issued to the phone within 30 days. */
  readonly certificatesIssued: number;
}

const CERTIFICATES_ISSUED = 1;

/**
 * What Google says in the attestation certificate of a remotely provisioned phone; undefined where it
 * says nothing, and `malformed` where that cannot be read, which costs the phone nothing.
 */
export function provisioningInfo(
  attestation: Certificate | undefined,
): ProvisioningInfo | 'malformed' | undefined {
  const extension = attestation?.extensions.get(PROVISIONING_INFO_EXTENSION);
  if (!extension) return undefined;
  try {
    const map = cborMap(decodeCbor(extension.value), 'provisioning info');
    const count = map.get(CERTIFICATES_ISSUED);
    return typeof count === 'number' && count >= 0 ? { certificatesIssued: count } : 'malformed';
  } catch {
    return 'malformed';
  }
}
