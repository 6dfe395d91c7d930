/** What an event, or an operator's reset, changes in the documents of its subjects. */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import { activeUsersOf, BASELINE_PATH } from './baseline.ts';
import { restrictionsDocument, restrictionsOf } from './blocklist.ts';
import { type BreakerStep, breakerPath, countBlock } from './breaker.ts';
import {
  announcedBy,
  type Decision,
  decisionsOf,
  heldBackDecision,
  keepingOverrides,
  restrictionsFrom,
} from './decisions.ts';
import type { FraudEvent } from './events.ts';
import { type Evidence, holds, mergeEvidence } from './evidence.ts';
import { createRecorder } from './recorder.ts';
import { type Risk, riskDocument, riskOf, type Span, spansOf } from './risk.ts';
import type { RuleSet } from './rules.ts';
import { type Assessment, assess } from './scoring.ts';
import {
  blockPath,
  provenSubjects,
  riskPath,
  type Subject,
  subjectFrom,
  subjectKey,
} from './subjects.ts';

/** The rules in force and, beside them and without effect, those under trial. */
export interface RuleBook {
  readonly live: RuleSet;
  readonly shadow?: RuleSet;
}

/** Something new about a subject: evidence, a reset, or only a reason to look again. */
export interface Change {
  readonly subject: Subject;
  readonly added?: Evidence;
  /** When that was received, in Unix milliseconds. */
  readonly at?: number;
  readonly appVersion?: string | null;
  readonly resetAt?: number;
}

/** The breaker tripped: a rule blocked more users of a version than anything explains. */
export interface Trip {
  readonly rule: string;
  readonly appVersion: string | null;
  /** Keys of those who were set free. */
  readonly subjects: readonly string[];
}

export interface Outcome {
  readonly writes: readonly StoredDocument[];
  /** Paths of documents that say nothing any more. */
  readonly deletions: readonly string[];
  /** To be published once the writes have taken effect. */
  readonly decisions: readonly Decision[];
  readonly trips: readonly Trip[];
}

/** Yields the paths it needs read, takes the documents, and returns what is to be written. */
export type Scoring = Generator<readonly string[], Outcome, readonly (DocumentData | undefined)[]>;

export interface Scorer {
  /** What an event means for its subjects; empty for most events. */
  changesOf(event: FraudEvent): readonly Change[];
  /**
   * All reads come before the result, so it runs inside a transaction as well as over a map. The
   * decisions are those that begin with these changes, also when they are judged again: a decision
   * is published after the writes, and a second delivery makes good for a lost publication.
   */
  scoring(changes: readonly Change[], now: Date): Scoring;
}

export function createScorer(book: RuleBook): Scorer {
  const recorder = createRecorder(book.shadow ? [book.live, book.shadow] : [book.live]);
  const delayMs = book.live.thresholds.block.delaySeconds * 1000;

  function* scoring(changes: readonly Change[], now: Date): Scoring {
    const stored = yield changes.map(({ subject }) => riskPath(subject));
    let results = changes.map((change, index) => assessed(change, riskOf(stored[index])));
    const begun = results.filter(beginsBlock);
    const broken = begun.length > 0 ? yield* askBreakers(begun) : NO_BREAKERS;
    results = [
      ...results.map((result) => broken.freed.get(subjectKey(result.subject)) ?? result),
      ...broken.others,
    ];
    const restricted = results.filter(({ before, after }) => !sameRestrictions(before, after));
    const existing =
      restricted.length > 0 ? yield restricted.map(({ subject }) => blockPath(subject)) : [];
    const writes = [...broken.writes];
    const deletions: string[] = [];
    for (const result of results) if (result.touched) writes.push(documentOf(result));
    for (const [index, { subject, live }] of restricted.entries()) {
      const found = restrictionsOf(existing[index]);
      const restrictions = keepingOverrides(found, restrictionsFrom(live, delayMs));
      const path = blockPath(subject);
      if (Object.keys(restrictions).length === 0) deletions.push(path);
      else writes.push({ path, data: restrictionsDocument(subject, restrictions) });
    }
    const decisions = results.flatMap((result) => published(result, now));
    return { writes, deletions, decisions, trips: broken.trips };
  }

  function assessed(change: Change, before: Risk): Result {
    const { subject, added, at, appVersion = null } = change;
    const known = added === undefined || holds(before.evidence, added);
    const evidence = known
      ? before.evidence
      : mergeEvidence(before.evidence, added, recorder.bounds);
    const resetAt = Math.max(before.resetAt, change.resetAt ?? 0);
    const live = assess(book.live, subject.kind, evidence.series, resetAt);
    const shadow = book.shadow && assess(book.shadow, subject.kind, evidence.series, resetAt);
    const after = {
      ...before,
      evidence,
      resetAt,
      spans: spansOf(live),
      announced: announcedBy(subject, live, before),
      escalation: live.escalation,
      shadowSpans: shadow ? spansOf(shadow) : {},
      shadowAnnounced: shadow ? announcedBy(subject, shadow, shadowOf(before), ':shadow') : {},
    };
    const touched = !known || resetAt !== before.resetAt;
    return { subject, before, after, at, appVersion, live, shadow, touched, heldBack: undefined };
  }

  /** Counts the blocks that begin, and sets free whom a tripped breaker must not let be blocked. */
  function* askBreakers(
    begun: readonly Result[],
  ): Generator<readonly string[], Broken, readonly (DocumentData | undefined)[]> {
    const counted = begun.map((result) => ({ result, rule: mainRule(result) }));
    const [baseline, ...stored] = yield [
      BASELINE_PATH,
      ...counted.map(({ result, rule }) => breakerPath(rule, result.appVersion)),
    ];
    const steps = new Map<string, BreakerStep>();
    const freed = new Map<string, Result>();
    const trips: Trip[] = [];
    for (const [index, { result, rule }] of counted.entries()) {
      const { subject, appVersion, at = 0 } = result;
      const path = breakerPath(rule, appVersion);
      const data = steps.get(path)?.document ?? stored[index];
      const named = { rule, appVersion, subject: subjectKey(subject) };
      const step = countBlock(data, named, at, activeUsersOf(baseline, appVersion));
      steps.set(path, step);
      if (!step.tripped) continue;
      freed.set(named.subject, { ...setFree(result), heldBack: result.live });
      if (step.undo.length > 0) trips.push({ rule, appVersion, subjects: step.undo });
    }
    const undone = [...new Set(trips.flatMap(({ subjects }) => subjects))].filter(
      (key) => !freed.has(key),
    );
    const risks = undone.length > 0 ? yield undone.map((key) => riskPath(subjectFrom(key))) : [];
    const resetAt = Math.max(...begun.map(({ at = 0 }) => at));
    return {
      freed,
      trips,
      others: undone.map((key, index) =>
        assessed({ subject: subjectFrom(key), resetAt }, riskOf(risks[index])),
      ),
      writes: [...steps].map(([path, { document }]) => ({ path, data: document })),
    };
  }

  /** The subject without the evidence that led to its block: nothing of it is carried over. */
  function setFree({ subject, at = 0, appVersion, before, after }: Result): Result {
    const change = { subject, at, appVersion, added: after.evidence, resetAt: at };
    return { ...assessed(change, before), touched: true };
  }

  function published(
    { subject, before, after, at, appVersion, live, shadow, heldBack }: Result,
    now: Date,
  ): readonly Decision[] {
    const inForce = { subject, ruleSet: book.live, shadow: false, appVersion, now };
    const block = heldBack?.intervals.block;
    return [
      ...decisionsOf(live, after.announced, before.spans, at, inForce),
      ...(block ? [heldBackDecision(block, inForce)] : []),
      ...(shadow && book.shadow
        ? decisionsOf(shadow, after.shadowAnnounced, before.shadowSpans, at, {
            ...inForce,
            ruleSet: book.shadow,
            shadow: true,
          })
        : []),
    ];
  }

  function documentOf({ subject, after, live }: Result): StoredDocument {
    const { version } = book.live;
    const data = riskDocument(subject, after, live.score, version, recorder.horizonMs);
    return { path: riskPath(subject), data };
  }

  return {
    changesOf: (event) =>
      provenSubjects(event).flatMap((subject) => {
        const added = recorder.evidenceOf(event, subject);
        const { appVersion } = event;
        return added ? [{ subject, added, at: Date.parse(event.receivedAt), appVersion }] : [];
      }),
    scoring,
  };
}

/** A subject before and after a change. */
export interface Result {
  readonly subject: Subject;
  readonly before: Risk;
  readonly after: Risk;
  /** When the evidence of this change came in. */
  readonly at: number | undefined;
  readonly appVersion: string | null;
  readonly live: Assessment;
  readonly shadow: Assessment | undefined;
  /** Whether the risk document must be written. */
  readonly touched: boolean;
  /** What would have followed, had the breaker not tripped. */
  readonly heldBack: Assessment | undefined;
}

interface Broken {
  readonly freed: ReadonlyMap<string, Result>;
  /** Those of earlier events. */
  readonly others: readonly Result[];
  readonly writes: readonly StoredDocument[];
  readonly trips: readonly Trip[];
}

const NO_BREAKERS: Broken = { freed: new Map(), others: [], writes: [], trips: [] };

/** Also where the event of a block is delivered again. */
function beginsBlock({ live, before, at }: Result): boolean {
  const { block } = live.intervals;
  const known = before.spans.block;
  return (
    block !== undefined && (known === undefined || block.since > known.until || block.since === at)
  );
}

const mainRule = ({ live }: Result): string => live.intervals.block?.causes[0]?.rule ?? 'rules';

const shadowOf = ({ shadowSpans, shadowAnnounced }: Risk) => ({
  spans: shadowSpans,
  announced: shadowAnnounced,
});

/** Whether two states come to the same restrictions; being watched is none. */
function sameRestrictions(a: Risk, b: Risk): boolean {
  const shown = ({ spans: { throttle, stepUp, block }, escalation }: Risk) =>
    JSON.stringify([escalation, ...[throttle, stepUp, block].map((span) => span && inOrder(span))]);
  return shown(a) === shown(b);
}

/** A database gives the members of a map back in any order. */
const inOrder = ({ since, until, rules }: Span) => [since, until, rules];
