/** What an event, or an operator's reset, changes in the documents of its subjects. */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import { restrictionsDocument, restrictionsOf } from './blocklist.ts';
import { type Decision, decisionOf, keepingOverrides, restrictionsFrom } from './decisions.ts';
import type { FraudEvent } from './events.ts';
import { type Evidence, holds, mergeEvidence } from './evidence.ts';
import { changedLinks, linksFrom } from './links.ts';
import { createRecorder } from './recorder.ts';
import { type Risk, riskDocument, riskOf, type Span, type Spans, spansOf } from './risk.ts';
import type { RuleSet } from './rules.ts';
import { ACTIONS, type Assessment, assess } from './scoring.ts';
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
  readonly resetAt?: number;
}

export interface Outcome {
  readonly writes: readonly StoredDocument[];
  /** Paths of documents that say nothing any more. */
  readonly deletions: readonly string[];
  /** To be published once the writes have taken effect. */
  readonly decisions: readonly Decision[];
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

  function* scoring(changes: readonly Change[], now: Date): Scoring {
    const stored = yield changes.map(({ subject }) => riskPath(subject));
    const loaded = new Map<string, LoadedSubject>();
    for (const [index, change] of changes.entries()) {
      loaded.set(subjectKey(change.subject), load(change, riskOf(stored[index])));
    }
    yield* spreadLinks(loaded);
    const results = [...loaded.values()].map(finalise);
    const restricted = results.filter(({ restricts }) => restricts);
    const existing =
      restricted.length > 0 ? yield restricted.map(({ subject }) => blockPath(subject)) : [];
    const writes = results.flatMap(({ write }) => write ?? []);
    const deletions: string[] = [];
    for (const [index, { subject, live }] of restricted.entries()) {
      const found = restrictionsOf(existing[index]);
      const restrictions = keepingOverrides(found, restrictionsFrom(live));
      const path = blockPath(subject);
      if (Object.keys(restrictions).length === 0) deletions.push(path);
      else writes.push({ path, data: restrictionsDocument(subject, restrictions) });
    }
    return {
      writes,
      deletions,
      decisions: results.flatMap((result) => decisionsOf(result, book, now)),
    };
  }

  function load(change: Change, before: Risk): LoadedSubject {
    const { subject, added, at } = change;
    const known = added === undefined || holds(before.evidence, added);
    const evidence = known
      ? before.evidence
      : mergeEvidence(before.evidence, added, recorder.bounds);
    const resetAt = Math.max(before.resetAt, change.resetAt ?? 0);
    const history = { series: evidence.series, links: {} };
    const own = assess(book.live, subject.kind, history, resetAt);
    const linked = linksFrom(book.live, subject, { evidence, resetAt }, own);
    const touched = !known || resetAt !== before.resetAt;
    return {
      subject,
      before,
      at,
      touched,
      own,
      after: { ...before, evidence, resetAt, linked },
    };
  }

  /** Tells those whom the loaded link, and takes them in as loaded of their own. */
  function* spreadLinks(
    loaded: Map<string, LoadedSubject>,
  ): Generator<readonly string[], void, readonly (DocumentData | undefined)[]> {
    const news = [...loaded].flatMap(([source, { before, after }]) =>
      Object.entries(changedLinks(before.linked, after.linked)).map(([target, instants]) => ({
        source,
        target,
        instants,
      })),
    );
    const others = [...new Set(news.map(({ target }) => target))].filter((key) => !loaded.has(key));
    const subjects = others.map(subjectFrom);
    const stored = subjects.length > 0 ? yield subjects.map(riskPath) : [];
    for (const [index, subject] of subjects.entries()) {
      loaded.set(subjectKey(subject), load({ subject }, riskOf(stored[index])));
    }
    for (const { source, target, instants } of news) {
      const told = loaded.get(target);
      if (!told) continue;
      const { [source]: _, ...others } = told.after.links;
      const links = instants.length > 0 ? { ...others, [source]: instants } : others;
      loaded.set(target, { ...told, touched: true, after: { ...told.after, links } });
    }
  }

  function finalise({ subject, before, at, touched, own, after }: LoadedSubject): Result {
    const history = { series: after.evidence.series, links: after.links };
    const linkless = Object.keys(after.links).length === 0;
    const live = linkless ? own : assess(book.live, subject.kind, history, after.resetAt);
    const shadow = book.shadow && assess(book.shadow, subject.kind, history, after.resetAt);
    const risk: Risk = {
      ...after,
      spans: spansOf(live),
      escalation: live.escalation,
      shadowSpans: shadow ? spansOf(shadow) : {},
    };
    const { version } = book.live;
    const data = riskDocument(subject, risk, live.score, version, recorder.horizonMs);
    return {
      subject,
      before,
      at,
      live,
      shadow,
      write: touched ? { path: riskPath(subject), data } : undefined,
      restricts: !sameRestrictions(before, risk),
    };
  }

  return {
    changesOf: (event) =>
      provenSubjects(event).flatMap((subject) => {
        const added = recorder.evidenceOf(event, subject);
        return added ? [{ subject, added, at: Date.parse(event.receivedAt) }] : [];
      }),
    scoring,
  };
}

interface LoadedSubject {
  readonly subject: Subject;
  readonly before: Risk;
  readonly after: Risk;
  /** When the evidence of this change came in. */
  readonly at: number | undefined;
  /** Whether the risk document must be written. */
  readonly touched: boolean;
  /** The assessment without links. */
  readonly own: Assessment;
}

interface Result {
  readonly subject: Subject;
  readonly before: Risk;
  readonly at: number | undefined;
  readonly live: Assessment;
  readonly shadow: Assessment | undefined;
  readonly write: StoredDocument | undefined;
  readonly restricts: boolean;
}

function decisionsOf(result: Result, book: RuleBook, now: Date): readonly Decision[] {
  const { subject, before, at, live, shadow } = result;
  const begun = (assessment: Assessment, spans: Spans, ruleSet: RuleSet, isShadow: boolean) =>
    ACTIONS.flatMap((action) => {
      const interval = assessment.intervals[action];
      const isNew = interval && (interval.since !== spans[action]?.since || interval.since === at);
      const { escalation } = assessment;
      return isNew
        ? [decisionOf({ subject, action, interval, escalation, ruleSet, shadow: isShadow, now })]
        : [];
    });
  return [
    ...begun(live, before.spans, book.live, false),
    ...(shadow && book.shadow ? begun(shadow, before.shadowSpans, book.shadow, true) : []),
  ];
}

/** Whether two states come to the same restrictions; being watched is none. */
function sameRestrictions(a: Risk, b: Risk): boolean {
  const shown = ({ spans: { throttle, stepUp, block }, escalation }: Risk) =>
    JSON.stringify([escalation, ...[throttle, stepUp, block].map((span) => span && inOrder(span))]);
  return shown(a) === shown(b);
}

/** A database gives the members of a map back in any order. */
const inOrder = ({ since, until, rules }: Span) => [since, until, rules];
