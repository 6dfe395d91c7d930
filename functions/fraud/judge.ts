/** What an event, or an operator's pardon, changes in the documents of its subjects. */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import { restrictionsDocument, restrictionsOf } from './blocklist.ts';
import { type Decision, decisionOf, keepingOverrides, restrictionsFrom } from './decisions.ts';
import type { FraudEvent } from './events.ts';
import { type Evidence, holds, mergeEvidence } from './evidence.ts';
import { changedLinks, linksFrom } from './links.ts';
import { createRecorder } from './recordings.ts';
import { type Risk, riskDocument, riskOf, type Span, type Spans, spansOf } from './risk.ts';
import type { RuleSet } from './rules.ts';
import { type Assessment, assess, MEASURES } from './scoring.ts';
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

/** Something new about a subject: evidence, a pardon, or only a reason to look again. */
export interface Change {
  readonly subject: Subject;
  readonly added?: Evidence;
  /** When that was received, in Unix milliseconds. */
  readonly at?: number;
  readonly forgiveAt?: number;
}

export interface Outcome {
  readonly writes: readonly StoredDocument[];
  /** Paths of documents that say nothing any more. */
  readonly deletions: readonly string[];
  /** To be published once the writes have taken effect. */
  readonly decisions: readonly Decision[];
}

/** Yields the paths it needs read, takes the documents, and returns what is to be written. */
export type Judging = Generator<readonly string[], Outcome, readonly (DocumentData | undefined)[]>;

export interface Judge {
  /** What an event means for its subjects; empty for most events. */
  changesOf(event: FraudEvent): readonly Change[];
  /**
   * All reads come before the result, so it runs inside a transaction as well as over a map. The
   * decisions are those that begin with these changes, also when they are judged again: a decision
   * is published after the writes, and a second delivery makes good for a lost publication.
   */
  judging(changes: readonly Change[], now: Date): Judging;
}

export function createJudge(book: RuleBook): Judge {
  const recorder = createRecorder(book.shadow ? [book.live, book.shadow] : [book.live]);

  function* judging(changes: readonly Change[], now: Date): Judging {
    const stored = yield changes.map(({ subject }) => riskPath(subject));
    const cases = new Map<string, Case>();
    for (const [index, change] of changes.entries()) {
      cases.set(subjectKey(change.subject), openCase(change, riskOf(stored[index])));
    }
    yield* spreadLinks(cases);
    const verdicts = [...cases.values()].map(conclude);
    const restricted = verdicts.filter(({ restricts }) => restricts);
    const existing =
      restricted.length > 0 ? yield restricted.map(({ subject }) => blockPath(subject)) : [];
    const writes = verdicts.flatMap(({ write }) => write ?? []);
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
      decisions: verdicts.flatMap((verdict) => decisionsOf(verdict, book, now)),
    };
  }

  function openCase(change: Change, before: Risk): Case {
    const { subject, added, at, forgiveAt } = change;
    const known = added === undefined || holds(before.evidence, added);
    const evidence = known
      ? before.evidence
      : mergeEvidence(before.evidence, added, recorder.bounds);
    const forgivenAt = Math.max(before.forgivenAt, forgiveAt ?? 0);
    const readings = { trails: evidence.trails, links: {} };
    const own = assess(book.live, subject.kind, readings, forgivenAt);
    const linked = linksFrom(book.live, subject, { evidence, forgivenAt }, own);
    const touched = !known || forgivenAt !== before.forgivenAt;
    return {
      subject,
      before,
      at,
      touched,
      own,
      after: { ...before, evidence, forgivenAt, linked },
    };
  }

  /** Tells those whom the cases link, and takes them in as cases of their own. */
  function* spreadLinks(
    cases: Map<string, Case>,
  ): Generator<readonly string[], void, readonly (DocumentData | undefined)[]> {
    const news = [...cases].flatMap(([source, { before, after }]) =>
      Object.entries(changedLinks(before.linked, after.linked)).map(([target, instants]) => ({
        source,
        target,
        instants,
      })),
    );
    const others = [...new Set(news.map(({ target }) => target))].filter((key) => !cases.has(key));
    const subjects = others.map(subjectFrom);
    const stored = subjects.length > 0 ? yield subjects.map(riskPath) : [];
    for (const [index, subject] of subjects.entries()) {
      cases.set(subjectKey(subject), openCase({ subject }, riskOf(stored[index])));
    }
    for (const { source, target, instants } of news) {
      const told = cases.get(target);
      if (!told) continue;
      const { [source]: _, ...others } = told.after.links;
      const links = instants.length > 0 ? { ...others, [source]: instants } : others;
      cases.set(target, { ...told, touched: true, after: { ...told.after, links } });
    }
  }

  function conclude({ subject, before, at, touched, own, after }: Case): Verdict {
    const readings = { trails: after.evidence.trails, links: after.links };
    const linkless = Object.keys(after.links).length === 0;
    const live = linkless ? own : assess(book.live, subject.kind, readings, after.forgivenAt);
    const shadow = book.shadow && assess(book.shadow, subject.kind, readings, after.forgivenAt);
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
    judging,
  };
}

interface Case {
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

interface Verdict {
  readonly subject: Subject;
  readonly before: Risk;
  readonly at: number | undefined;
  readonly live: Assessment;
  readonly shadow: Assessment | undefined;
  readonly write: StoredDocument | undefined;
  readonly restricts: boolean;
}

function decisionsOf(verdict: Verdict, book: RuleBook, now: Date): readonly Decision[] {
  const { subject, before, at, live, shadow } = verdict;
  const begun = (assessment: Assessment, spans: Spans, ruleSet: RuleSet, isShadow: boolean) =>
    MEASURES.flatMap((measure) => {
      const episode = assessment.episodes[measure];
      const isNew = episode && (episode.since !== spans[measure]?.since || episode.since === at);
      const { escalation } = assessment;
      return isNew
        ? [decisionOf({ subject, measure, episode, escalation, ruleSet, shadow: isShadow, now })]
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
