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

export interface ReadKeyDescription {
  readonly keyDescription: KeyDescription;
  /** What was not as the schema has it and does not matter to security, such as `osVersion`: it counts as absent. */
  readonly odd: readonly string[];
}

/**
 * Reads the extension's value. Phones' makers write it, each with an encoder of their own: what
 * security rests on has to be sound, and the rest may be odd. Throws AttestationError
 * `key-description-malformed`.
 */
export function readKeyDescription(value: Uint8Array): ReadKeyDescription {
  const outer = new DerReader(value, 'key-description-malformed', 'by-hardware');
  const fields = outer.sequence();
  outer.end();
  const odd: string[] = [];
  const keyDescription = {
    attestationVersion: fields.smallInteger(),
    attestationSecurityLevel: readLevel(fields),
    keyMintVersion: fields.smallInteger(),
    keyMintSecurityLevel: readLevel(fields),
    attestationChallenge: fields.octetString(),
    uniqueId: fields.octetString(),
    softwareEnforced: readAuthorizationList(fields, odd),
    hardwareEnforced: readAuthorizationList(fields, odd),
  };
  fields.end();
  return { keyDescription, odd };
}

/** The description alone. Throws as `readKeyDescription` does. */
export const parseKeyDescription = (value: Uint8Array): KeyDescription =>
  readKeyDescription(value).keyDescription;

function readLevel(reader: DerReader): SecurityLevel {
  const level = LEVELS[reader.smallInteger(TAG.enumerated)];
  if (!level) throw reader.fail('security level has no meaning');
  return level;
}
