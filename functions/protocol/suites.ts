/**
 * The HPKE suites (RFC 9180 section 7) a device may ask for, by their names in requests. The name is
 * covered by the device proof and by HPKE's info: nobody between device and cloud can change it.
 */
export const SUITES = ['P256-HKDF-SHA256-AES256GCM', 'XWING-HKDF-SHA256-AES256GCM'] as const;

export type SuiteName = (typeof SUITES)[number];
