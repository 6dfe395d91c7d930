/** Undoes in bulk what one rule did since an instant: the mistake was ours. */
import { riskOf } from '../../functions/fraud/risk.ts';
import { ACTIONS } from '../../functions/fraud/scoring.ts';
import { riskPath, subjectFrom } from '../../functions/fraud/subjects.ts';
import { type Act, auditEntry } from '../../functions/operators/audit.ts';
import { type OperatorServices, unblock } from '../../functions/operators/restrict.ts';

export interface Undo {
  /** The rule that weighed most. */
  readonly rule: string;
  readonly since: Date;
  /** Only tells what would be undone. */
  readonly dryRun: boolean;
}

export interface Undone {
  /** Keys of the subjects. */
  readonly subjects: readonly string[];
  /** There may be more: what is undone at once is bounded, so ask again. */
  readonly complete: boolean;
}

/** Of each restriction, in one run. */
const MAX_FOUND = 1_000;
/** What a restriction has that grows with the time at which it was imposed. */
const FIELDS = ['createdAt', 'throttledUntil', 'stepUpSince'] as const;

/**
 * Sets everybody free whom this rule, before all others, restricted since then. Their evidence up to
 * now counts no more, so that neither the same restriction comes back nor a longer one follows.
 */
export async function undo(services: OperatorServices, order: Undo, act: Act): Promise<Undone> {
  const { documents } = services;
  const pages = await Promise.all(
    FIELDS.map((field) =>
      documents.query({
        collection: 'blocklist',
        where: [[field, '>=', order.since]],
        orderBy: [field, 'asc'],
        limit: MAX_FOUND,
      }),
    ),
  );
  const keys = new Set(pages.flat().map(({ path }) => path.slice('blocklist/'.length)));
  const subjects: string[] = [];
  for (const key of [...keys].sort()) {
    const { spans } = riskOf(await documents.get(riskPath(subjectFrom(key))));
    const isMeant = ACTIONS.some((action) => {
      const span = action === 'watch' ? undefined : spans[action];
      return (
        span !== undefined && span.since >= order.since.getTime() && span.rules[0] === order.rule
      );
    });
    if (!isMeant) continue;
    subjects.push(key);
    if (!order.dryRun) await unblock(services, subjectFrom(key), act);
  }
  if (!order.dryRun && subjects.length > 0) {
    const now = services.now();
    const reason = `${act.reason} (${subjects.length} since ${order.since.toISOString()})`;
    const entry = auditEntry(services, `rule_${order.rule}`, 'undo', { ...act, reason }, now);
    await documents.create(...entry);
  }
  return { subjects, complete: pages.every((page) => page.length < MAX_FOUND) };
}
