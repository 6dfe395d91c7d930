import { DerReader, TAG } from '../der.ts';
import { type AuthorizationList, readAuthorizationList } from './authorization-list.ts';

export type SecurityLevel = 'SOFTWARE' | 'TRUSTED_ENVIRONMENT' | 'STRONG_BOX';

/**
 * What the hardware says about a key: the extension 1.3.6.1.4.1.11129.2.1.17
 * (https://source.android.com/docs/security/features/keystore/attestation#schema).
 */
export interface KeyDescription {
  readonly attestationVersion: number;
  /** Where the attestation was made. */
  readonly attestationSecurityLevel: SecurityLevel;
  readonly keyMintVersion: number;
  /** Where the key is kept. */
  readonly keyMintSecurityLevel: SecurityLevel;
  readonly attestationChallenge: Uint8Array;
  readonly uniqueId: Uint8Array;
  /** What the system says, and nobody else. */
  readonly softwareEnforced: AuthorizationList;
  /** What the trusted environment or the secure element says. */
  readonly hardwareEnforced: AuthorizationList;
}

export const KEY_DESCRIPTION_EXTENSION = '1.3.6.1.4.1.11129.2.1.17';

const LEVELS = ['SOFTWARE', 'TRUSTED_ENVIRONMENT', 'STRONG_BOX'] as const;

/** Parses the extension's value. Throws AttestationError `key-description-malformed`. */
export function parseKeyDescription(value: Uint8Array): KeyDescription {
  const outer = new DerReader(value, 'key-description-malformed');
  const fields = outer.sequence();
  outer.end();
  const description = {
    attestationVersion: fields.smallInteger(),
    attestationSecurityLevel: readLevel(fields),
    keyMintVersion: fields.smallInteger(),
    keyMintSecurityLevel: readLevel(fields),
    attestationChallenge: fields.octetString(),
    uniqueId: fields.octetString(),
    softwareEnforced: readAuthorizationList(fields),
    hardwareEnforced: readAuthorizationList(fields),
  };
  fields.end();
  return description;
}

function readLevel(reader: DerReader): SecurityLevel {
  const level = LEVELS[reader.smallInteger(TAG.enumerated)];
  if (!level) throw reader.fail('security level has no meaning');
  return level;
}
