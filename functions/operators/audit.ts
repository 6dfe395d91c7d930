/** Who did what, to whom and why: entries are created and never changed. */

import { z } from 'zod';
import { documentKind, type Readings, readEach } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { uuidv7 } from '../fraud/events.ts';
import { DAY_MS } from '../time.ts';

/** Who acts and why; both end up in the audit log. */
export interface Act {
  readonly by: string;
  readonly reason: string;
}

/** Of what was acted on: a subject's key such as `user_k1_x`, `model_<id>`, or `ledger`. */
export type AuditSubject = string;

const readEntry = documentKind(
  'audit entry',
  z.object({
    at: z.date(),
    by: z.string(),
    action: z.string(),
    subject: z.string(),
    reason: z.string(),
    /** Of a verdict: on which decision, and the rule that weighed most in it. */
    decisionId: z.string().nullish(),
    rule: z.string().nullish(),
  }),
);
export type AuditEntry = ReturnType<typeof readEntry>;

const RETENTION_MS = 400 * DAY_MS;
const MAX_ENTRIES = 1_000;

/** The path and the document of an entry. */
export function auditEntry(
  { randomBytes }: { readonly randomBytes: (size: number) => Uint8Array },
  subject: AuditSubject,
  action: string,
  { by, reason }: Act,
  now: Date,
) {
  const expireAt = new Date(now.getTime() + RETENTION_MS);
  const data = { at: now, by, action, subject, reason, expireAt };
  return [`audit/${uuidv7(now, randomBytes(10))}`, data] as const;
}

/** The acts on a subject, the newest first. */
export async function auditOf(
  { documents }: { readonly documents: DocumentStore },
  subject: AuditSubject,
): Promise<readonly DocumentData[]> {
  const entries = await documents.query({
    collection: 'audit',
    where: [['subject', '==', subject]],
    limit: 200,
  });
  return entries.map(({ data }) => data).reverse();
}

/** The newest acts since an instant, on whatever, the newest first. */
export async function newestActs(
  { documents }: { readonly documents: Pick<DocumentStore, 'query'> },
  since: Date,
  limit = MAX_ENTRIES,
): Promise<Readings<AuditEntry>> {
  const entries = await documents.query({
    collection: 'audit',
    where: [['at', '>=', since]],
    orderBy: ['at', 'desc'],
    limit,
  });
  return readEach(entries, ({ data }) => readEntry(data));
}

/** All acts since an instant, the oldest first; so many at most. */
export async function auditSince(
  { documents }: { readonly documents: DocumentStore },
  since: Date,
): Promise<readonly DocumentData[]> {
  const entries = await documents.query({
    collection: 'audit',
    where: [['at', '>=', since]],
    orderBy: ['at', 'asc'],
    limit: MAX_ENTRIES,
  });
  return entries.map(({ data: { expireAt: _, ...entry } }) => entry);
}
