/** What is kept of a grant: who got what and when. No key, no URL. */

import { z } from 'zod';
import type { OfferedVersion, PublishedVersion } from '../catalogue/model-record.ts';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { POOLS } from '../fraud/baseline.ts';
import { ledgerKey } from '../ledger/ledger-key.ts';
import { toBase64url } from '../protocol/encoding.ts';
import type { SuiteName } from '../protocol/suites.ts';
import { DAY_MS } from '../time.ts';
import type { CollectionFacts } from './collection-decision.ts';

/** Long enough for renewals and for analysts; then the database deletes it. */
export const GRANT_RETENTION_MS = 90 * DAY_MS;

const record = z.object({
  grantId: z.string(),
  user: z.string(),
  /**
   * The name that the user had when it was decided, where it is another one now: the ledger, the
   * licence on the device and the mark of the copy say that one.
   */
  grantedTo: z.string().nullable().default(null),
  device: z.string(),
  model: z.string(),
  version: z.string(),
  suite: z.string(),
  /** SHA-256 of the bytes that the device opens, base64url. */
  sha256: z.string(),
  /**
   * What the copy is marked with, where it is marked with its user's device: the same in all its
   * grants of a version. Null where it is not, and until the copy is sealed.
   */
  fingerprint: z.string().nullable().default(null),
  /**
   * `failed` where sealing did not come to its end: the device never got a key. `revoked` once its
   * device was retired.
   */
  state: z.enum(['granted', 'failed', 'revoked']),
  /** The keyed hash of where the request came from: there scoring remembers the user, too. */
  network: z.string().nullable(),
  createdAt: z.date(),
  /** What it meant for the collection of its user: docs/analysts/events.md. */
  newcomer: z.boolean().default(false),
  appVersion: z.string().default(''),
  charges: z.array(z.enum(POOLS)).default([]),
  /** By what the ledger finds the grant, and what its commitment there is salted with, base64url. */
  ledgerKey: z.string(),
  salt: z.string(),
  expireAt: z.date(),
});
export type GrantRecord = z.infer<typeof record>;

/** A copy that lies on the device that asks for another. */
export interface HeldCopy {
  readonly grantId: string;
  /** The name that the user had then, and the device: what the copy may be marked with. */
  readonly userId: string;
  readonly deviceId: string;
  readonly version: PublishedVersion;
  /** Of the bytes that lie on the device, base64url. */
  readonly sha256: string;
}

/** A grant that was decided, as sealing needs it. */
export interface AdmittedGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
  /** The device's ephemeral HPKE public key. */
  readonly recipientKey: Uint8Array;
  readonly suite: SuiteName;
  readonly version: OfferedVersion;
  /** What the device holds of the model already. */
  readonly held?: HeldCopy | undefined;
}

export const grantPath = (grantId: string): string => `grants/${grantId}`;

const read = documentKind('grant', record);

/** Undefined for what an erasure left of a grant. Throws on a document that this code did not write. */
export const readGrant = (data: DocumentData): GrantRecord | undefined =>
  data['state'] === 'erased' ? undefined : read(data);

export interface GrantOrigin {
  readonly salt: Uint8Array;
  readonly network: string | null;
  readonly appVersion: string;
  readonly facts: Pick<CollectionFacts, 'newcomer' | 'charges'>;
}

/** @param origin.salt 16 random bytes: without them nobody can test a guess against the ledger. */
export function grantDocument(
  { grantId, userId, deviceId, version, suite }: AdmittedGrant,
  { salt, network, appVersion, facts }: GrantOrigin,
  now: Date,
): DocumentData {
  const grant: GrantRecord = {
    grantId,
    user: userId,
    grantedTo: null,
    device: deviceId,
    model: version.modelId,
    version: version.version,
    suite,
    sha256: version.sha256,
    fingerprint: null,
    state: 'granted',
    network,
    createdAt: now,
    newcomer: facts.newcomer,
    appVersion,
    charges: [...facts.charges],
    ledgerKey: ledgerKey(now, grantId),
    salt: toBase64url(salt),
    expireAt: new Date(now.getTime() + GRANT_RETENTION_MS),
  };
  return { ...grant };
}

/**
 * Changes a record while its grant stands. False where that is no longer so: whatever ended it
 * meanwhile, an erasure or the end of its device, has the last word.
 */
export function updateGranted(
  documents: Pick<DocumentStore, 'transaction'>,
  grantId: string,
  fields: Pick<GrantRecord, 'sha256' | 'fingerprint'>,
): Promise<boolean> {
  return documents.transaction(async (tx) => {
    const [data] = await tx.getAll([grantPath(grantId)]);
    if (data?.['state'] !== 'granted') return false;
    tx.update(grantPath(grantId), { ...fields });
    return true;
  });
}

/** The name of the user that the grant was decided under. */
export const granteeOf = ({ user, grantedTo }: Pick<GrantRecord, 'user' | 'grantedTo'>): string =>
  grantedTo ?? user;

/** What an erasure leaves: that there was a grant, and when; the ledger accounts for it until its end. */
export function erasedGrantDocument({
  grantId,
  createdAt,
  ledgerKey,
  expireAt,
}: GrantRecord): DocumentData {
  return { grantId, state: 'erased', createdAt, ledgerKey, expireAt };
}
