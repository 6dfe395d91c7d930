/** What the ledger says of one grant: when, which, and a commitment to what was granted to whom. */
import { createHash } from 'node:crypto';
import { type GrantRecord, granteeOf } from '../grants/grant-record.ts';
import { fromBase64url, lengthPrefixed } from '../protocol/encoding.ts';
import { orderKey } from './ledger-key.ts';

/** As blocks hold it: instant, grant id and commitment, with spaces between. */
export type Leaf = string;

const LEAF = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (g_[\w-]{22}) ([\w-]{43})$/;

/**
 * The leaf of a grant. It covers what is final once the grant was decided; whether sealing failed,
 * a revocation and the digest of a marked copy come later. With the salt gone, nothing can be
 * tested against the commitment.
 */
export function leafOf(grant: GrantRecord): Leaf {
  const { grantId, device, model, version, suite, createdAt, salt } = grant;
  const commitment = createHash('sha256')
    .update(
      lengthPrefixed(
        'modelseal/1 ledger grant',
        fromBase64url(salt) ?? new Uint8Array(),
        ...[grantId, granteeOf(grant), device, model, version, suite, createdAt.toISOString()],
      ),
    )
    .digest('base64url');
  return `${orderKey(createdAt, grantId)} ${commitment}`;
}

export interface ReadLeaf {
  readonly createdAt: Date;
  readonly grantId: string;
  /** The leaf's place in the order of all grants. */
  readonly order: string;
}

/** Null for a text that is no leaf. */
export function readLeaf(leaf: Leaf): ReadLeaf | null {
  const [, instant, grantId] = LEAF.exec(leaf) ?? [];
  if (!instant || !grantId) return null;
  const createdAt = new Date(instant);
  return Number.isNaN(createdAt.getTime())
    ? null
    : { createdAt, grantId, order: `${instant} ${grantId}` };
}
