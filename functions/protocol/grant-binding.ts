import { lengthPrefixed } from './encoding.ts';
import type { SuiteName } from './suites.ts';

/** What a content key is for. A key sealed for one binding opens under no other. */
export interface GrantBinding {
  readonly suite: SuiteName;
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly model: string;
  readonly version: string;
  /** SHA-256 of the manifest token's ASCII bytes. */
  readonly manifestDigest: Uint8Array;
  /** The licence's `exp`: seconds since 1970. */
  readonly licenceExpiry: number;
}

const LABEL = 'modelseal/1 grant';

/** HPKE's info for a grant: each member behind its length, so that no two bindings encode alike. */
export function grantInfo(binding: GrantBinding): Uint8Array {
  return lengthPrefixed(
    LABEL,
    binding.suite,
    binding.grantId,
    binding.userId,
    binding.deviceId,
    binding.model,
    binding.version,
    binding.manifestDigest,
    String(binding.licenceExpiry),
  );
}
