/** What an event, or an operator's reset, changes in the documents of its subjects. */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import { restrictionsDocument, restrictionsOf } from './blocklist.ts';
import { askBreakers, type HeldBack, NOTHING_ASKED, sameOccasions, type Trip } from './breakers.ts';
import {
  announcedBy,
  type Decision,
  decisionsOf,
  heldBackDecision,
  heldBackIds,
  keepingOverrides,
  restrictionsFrom,
} from './decisions.ts';
import type { FraudEvent } from './events.ts';
import { type Evidence, forgets, holds, mergeEvidence } from './evidence.ts';
import { createRecorder } from './recorder.ts';
import {
  heldBackBy,
  type Risk,
  riskDocument,
  riskOf,
  type Span,
  spansOf,
  storedOccasions,
} from './risk.ts';
import type { RuleSet } from './rules.ts';
import { type Assessment, assess, type IsHeldBack } from './scoring.ts';
import { blockPath, provenSubjects, riskPath, type Subject, subjectKey } from './subjects.ts';

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
    let results = changes.flatMap((change, index) => {
      const before = riskOf(stored[index]);
      return isForgotten(change, before) ? [] : [assessed(change, before)];
    });
    const moved = results.filter(({ before, after }) => !sameOccasions(before, after));
    const asked = moved.length > 0 ? yield* askBreakers(moved, now) : NOTHING_ASKED;
    results = [
      ...results.map((result) => heldBackAgain(result, asked.heldBack)),
      ...asked.others.map(({ subject, before }) =>
        heldBackAgain(assessed({ subject }, before), asked.heldBack),
      ),
    ];
    const restricted = results.filter(({ before, after }) => !sameRestrictions(before, after));
    const existing =
      restricted.length > 0 ? yield restricted.map(({ subject }) => blockPath(subject)) : [];
    const writes = [...asked.writes];
    const deletions = [...asked.deletions];
    for (const result of results) if (result.touched) writes.push(documentOf(result));
    for (const [index, { subject, live }] of restricted.entries()) {
      const found = restrictionsOf(existing[index]);
      const restrictions = keepingOverrides(found, restrictionsFrom(live, delayMs));
      const path = blockPath(subject);
      if (Object.keys(restrictions).length === 0) deletions.push(path);
      else writes.push({ path, data: restrictionsDocument(subject, restrictions) });
    }
    const decisions = results.flatMap((result) => published(result, now));
    return { writes, deletions, decisions, trips: asked.trips };
  }

  /** Whether the change leaves everything as it is: nothing is to be written, or to be judged again. */
  const isForgotten = ({ added, resetAt = 0 }: Change, { evidence, resetAt: before }: Risk) =>
    added !== undefined && resetAt <= before && forgets(evidence, added, recorder.bounds);

  function assessed(
    change: Change,
    before: Risk,
    isHeldBack: IsHeldBack = heldBackBy(before.occasions),
  ): Result {
    const { subject, added, at, appVersion = null } = change;
    const known = added === undefined || holds(before.evidence, added);
    const evidence = known
      ? before.evidence
      : mergeEvidence(before.evidence, added, recorder.bounds);
    const resetAt = Math.max(before.resetAt, change.resetAt ?? 0);
    const live = assess(book.live, subject.kind, evidence.series, resetAt, isHeldBack);
    const shadow = book.shadow && assess(book.shadow, subject.kind, evidence.series, resetAt);
    const after = {
      ...before,
      evidence,
      resetAt,
      spans: spansOf(live),
      announced: announcedBy(subject, live, before),
      escalation: live.escalation,
      occasions: storedOccasions(live, isHeldBack),
      heldBackAs: heldBackIds(subject, live, isHeldBack, before.heldBackAs),
      shadowSpans: shadow ? spansOf(shadow) : {},
      shadowAnnounced: shadow ? announcedBy(subject, shadow, shadowOf(before), ':shadow') : {},
    };
    const touched = !known || resetAt !== before.resetAt;
    return { subject, before, after, at, appVersion, change, live, shadow, touched };
  }

  /** Judged again where the breakers hold back other occasions than were known to be. */
  function heldBackAgain(result: Result, heldBack: HeldBack): Result {
    const { change, before } = result;
    const known = heldBack.get(subjectKey(result.subject));
    if (!known) return result;
    return { ...assessed(change, before, known), touched: true };
  }

  function published(
    { subject, before, after, at, appVersion, live, shadow }: Result,
    now: Date,
  ): readonly Decision[] {
    const inForce = { subject, ruleSet: book.live, shadow: false, appVersion, now };
    const [was, is] = [heldBackBy(before.occasions), heldBackBy(after.occasions)];
    return [
      ...decisionsOf(live, after.announced, before.spans, at, inForce),
      ...live.occasions
        .filter(({ action, since }) => is(action, since) && (since === at || !was(action, since)))
        .map((occasion) => heldBackDecision(occasion, after.heldBackAs, inForce)),
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
interface Result {
  readonly subject: Subject;
  readonly before: Risk;
  readonly after: Risk;
  /** When the evidence of this change came in. */
  readonly at: number | undefined;
  readonly appVersion: string | null;
  readonly change: Change;
  readonly live: Assessment;
  readonly shadow: Assessment | undefined;
  /** Whether the risk document must be written. */
  readonly touched: boolean;
}

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
