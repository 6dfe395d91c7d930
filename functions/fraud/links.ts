/**
 * Guilt by association, at one remove and in points only: who shares a device with a blocked user,
 * a user with a blocked device, or a network with a ring he takes part in. Links come from what a
 * subject did itself, never from links of its own, so they cannot run through the whole graph.
 */
import { linkedMembers } from './evaluators.ts';
import type { Evidence } from './evidence.ts';
import { NEIGHBOURS_SERIES } from './recorder.ts';
import { ringTimeline } from './ring.ts';
import type { RuleSet } from './rules.ts';
import type { Assessment } from './scoring.ts';
import { inOrder } from './series.ts';
import { type Subject, subjectKey } from './subjects.ts';

/** From the key of a linked subject to the instants that link it. */
export type Links = Readonly<Record<string, readonly number[]>>;

/** The latest so many; a document has its limits. */
const MAX_LINKED = 64;
const MAX_INSTANTS = 4;

/** Whom `subject` links, judged by its own evidence alone. */
export function linksFrom(
  ruleSet: RuleSet,
  subject: Subject,
  { evidence, resetAt }: { readonly evidence: Evidence; readonly resetAt: number },
  own: Assessment,
): Links {
  const links = new Map<string, number[]>();
  for (const rule of ruleSet.rules) {
    if (rule.kind === 'ring' && subject.kind === 'network') {
      for (const { users, at } of ringTimeline(
        rule,
        inOrder(evidence.series[NEIGHBOURS_SERIES] ?? {}, resetAt),
      )) {
        for (const id of users) {
          const key = subjectKey({ kind: 'user', id });
          const instants = new Set([...(links.get(key) ?? []), at]);
          links.set(key, [...instants].sort((a, b) => a - b).slice(-MAX_INSTANTS));
        }
      }
    }
    const { block } = own.intervals;
    if (rule.kind === 'linked' && rule.from === subject.kind && block) {
      const [kind] = rule.subjects;
      for (const id of linkedMembers(evidence.series, kind)) {
        links.set(subjectKey({ kind, id }), [block.since]);
      }
    }
  }
  const latest = [...links].sort(
    ([a, x], [b, y]) => (y.at(-1) ?? 0) - (x.at(-1) ?? 0) || (a < b ? -1 : 1),
  );
  return Object.fromEntries(latest.slice(0, MAX_LINKED));
}

/** The linked subjects for whom something is another than before, with their instants now. */
export function changedLinks(before: Links, after: Links): Links {
  const changed: Record<string, readonly number[]> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const now = after[key] ?? [];
    if (JSON.stringify(before[key] ?? []) !== JSON.stringify(now)) changed[key] = now;
  }
  return changed;
}
