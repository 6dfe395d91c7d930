/** The risk document of a subject: its evidence, and what the rules made of it last. */
import { DocumentInvalidError } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentValue } from '../cloud/documents.ts';
import { type Evidence, NO_EVIDENCE } from './evidence.ts';
import {
  ACTIONS,
  type Action,
  type Assessment,
  type IsHeldBack,
  type Restriction,
} from './scoring.ts';
import type { Subject } from './subjects.ts';

/** The span of an interval, in Unix milliseconds, and the rules behind it, the heaviest first. */
export type Span = {
  readonly since: number;
  readonly until: number;
  readonly rules: readonly string[];
};
export type Spans = { readonly [A in Action]?: Span };
/** Under which id each latest decision was published. */
export type Announced = { readonly [A in Action]?: string };

/** When the rules were for a restriction, for which version of the app, and whether the breaker held it back. */
export type StoredOccasion = {
  readonly action: Restriction;
  readonly since: number;
  readonly rule: string;
  readonly appVersion: string;
  readonly heldBack: boolean;
};

export interface Risk {
  readonly evidence: Evidence;
  /** Evidence at or before this instant does not count: an operator or the breaker has set the subject free. */
  readonly resetAt: number;
  /** The intervals that the restrictions show. */
  readonly spans: Spans;
  readonly announced: Announced;
  /** How many blocks there were. */
  readonly escalation: number;
  readonly occasions: readonly StoredOccasion[];
  /** Under which ids those that are held back were published, by `heldBackKey`. */
  readonly heldBackAs: Readonly<Record<string, string>>;
  /** What the rules under trial would have done. */
  readonly shadowSpans: Spans;
  readonly shadowAnnounced: Announced;
}

export const NO_RISK: Risk = {
  evidence: NO_EVIDENCE,
  resetAt: 0,
  spans: {},
  announced: {},
  escalation: 0,
  occasions: [],
  heldBackAs: {},
  shadowSpans: {},
  shadowAnnounced: {},
};

/** Throws DocumentInvalidError on a document that is not a risk document: it is never scored as if empty. */
export function riskOf(data: DocumentData | undefined): Risk {
  if (data === undefined) return NO_RISK;
  return {
    evidence: {
      newest: number(data['newest']),
      series: record(data['trails'], (series) => record(series, number)),
    },
    resetAt: number(data['forgivenAt']),
    spans: record(data['spans'], span),
    announced: record(data['announced'] ?? {}, text),
    escalation: number(data['escalation']),
    occasions: list(data['occasions'] ?? [], occasion),
    heldBackAs: record(data['heldBackAs'] ?? {}, text),
    shadowSpans: record(data['shadowSpans'], span),
    shadowAnnounced: record(data['shadowAnnounced'] ?? {}, text),
  };
}

/** A pure function of its arguments, so that the same events leave the same document behind. */
export function riskDocument(
  subject: Subject,
  risk: Risk,
  score: number,
  rules: string,
  horizonMs: number,
): DocumentData {
  const { evidence, resetAt, ...rest } = risk;
  return {
    kind: subject.kind,
    id: subject.id,
    newest: evidence.newest,
    trails: evidence.series,
    // Read by the release before this one, which knew links between subjects.
    links: {},
    linked: {},
    forgivenAt: resetAt,
    ...rest,
    score,
    rules,
    expireAt: new Date(Math.max(evidence.newest, resetAt) + horizonMs),
  };
}

/** The spans of an assessment, without what led to them. */
export function spansOf({ intervals }: Assessment): Spans {
  const spans: { [A in Action]?: Span } = {};
  for (const action of ACTIONS) {
    const interval = intervals[action];
    if (!interval) continue;
    const { since, until, causes } = interval;
    spans[action] = { since, until, rules: causes.map(({ rule }) => rule) };
  }
  return spans;
}

/** The occasions of an assessment, without what led to them. */
export const storedOccasions = (
  { occasions }: Assessment,
  isHeldBack: IsHeldBack,
): readonly StoredOccasion[] =>
  occasions.map(({ action, since, causes, appVersion }) => ({
    action,
    since,
    rule: causes[0]?.rule ?? 'rules',
    appVersion,
    heldBack: isHeldBack(action, since),
  }));

/** What an occasion is called among those of its subject. */
export const heldBackKey = (action: Restriction, since: number): string => `${action}:${since}`;

/** Tells of an occasion whether it is known to be held back. */
export function heldBackBy(occasions: readonly StoredOccasion[]): IsHeldBack {
  const held = occasions.filter(({ heldBack }) => heldBack);
  return (action, since) => held.some((one) => one.action === action && one.since === since);
}

const wrong = (what: string) => new DocumentInvalidError('risk', [`a wrong ${what}`]);

function number(value: DocumentValue | undefined): number {
  if (typeof value !== 'number') throw wrong('number');
  return value;
}

function text(value: DocumentValue): string {
  if (typeof value !== 'string') throw wrong('text');
  return value;
}

/** Checks and does not copy: the series of a busy subject are long. */
function record<T extends DocumentValue>(
  value: DocumentValue | undefined,
  check: (value: DocumentValue) => T,
): Readonly<Record<string, T>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('map');
  }
  for (const member of Object.values(value)) check(member);
  return value as Readonly<Record<string, T>>;
}

function span(value: DocumentValue): Span {
  const { since, until, rules } = record(value, (member) => member);
  if (!Array.isArray(rules) || !rules.every((rule) => typeof rule === 'string')) {
    throw wrong('list');
  }
  return { since: number(since), until: number(until), rules };
}

function list<T>(value: DocumentValue, check: (value: DocumentValue) => T): readonly T[] {
  if (!Array.isArray(value)) throw wrong('list');
  return value.map(check);
}

function occasion(value: DocumentValue): StoredOccasion {
  const { action, since, rule, appVersion, heldBack } = record(value, (member) => member);
  if (action !== 'throttle' && action !== 'stepUp' && action !== 'block') {
    throw wrong('action');
  }
  return {
    action,
    since: number(since),
    rule: text(rule ?? null),
    appVersion: text(appVersion ?? null),
    heldBack: heldBack === true,
  };
}
