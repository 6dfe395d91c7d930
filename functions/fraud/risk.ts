/** The risk document of a subject: its evidence, and what the rules made of it last. */
import type { DocumentData, DocumentValue } from '../cloud/documents.ts';
import { type Evidence, NO_EVIDENCE } from './evidence.ts';
import type { Links } from './links.ts';
import { ACTIONS, type Action, type Assessment } from './scoring.ts';
import type { Subject } from './subjects.ts';

/** The span of an interval, in Unix milliseconds, and the rules behind it, the heaviest first. */
export type Span = {
  readonly since: number;
  readonly until: number;
  readonly rules: readonly string[];
};
export type Spans = { readonly [M in Action]?: Span };

export interface Risk {
  readonly evidence: Evidence;
  /** Who linked this subject, and when. */
  readonly links: Links;
  /** Whom this subject has linked. */
  readonly linked: Links;
  /** Reset by an operator: evidence at or before this instant does not count. */
  readonly resetAt: number;
  /** The intervals that the restrictions show. */
  readonly spans: Spans;
  /** How many blocks there were. */
  readonly escalation: number;
  /** What the rules under trial would have done. */
  readonly shadowSpans: Spans;
}

export const NO_RISK: Risk = {
  evidence: NO_EVIDENCE,
  links: {},
  linked: {},
  resetAt: 0,
  spans: {},
  escalation: 0,
  shadowSpans: {},
};

/** Throws TypeError on a document that is not a risk document: it is never scored as if empty. */
export function riskOf(data: DocumentData | undefined): Risk {
  if (data === undefined) return NO_RISK;
  return {
    evidence: {
      newest: number(data['newest']),
      series: record(data['trails'], (one) => record(one, number)),
    },
    links: record(data['links'], numbers),
    linked: record(data['linked'], numbers),
    resetAt: number(data['forgivenAt']),
    spans: record(data['spans'], span),
    escalation: number(data['escalation']),
    shadowSpans: record(data['shadowSpans'], span),
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
  const { evidence, links, linked, resetAt, spans, escalation, shadowSpans } = risk;
  const newest = Math.max(...Object.values(links).flat(), evidence.newest);
  return {
    kind: subject.kind,
    id: subject.id,
    newest: evidence.newest,
    trails: evidence.series,
    links,
    linked,
    forgivenAt: resetAt,
    spans,
    escalation,
    shadowSpans,
    score,
    rules,
    expireAt: new Date(newest + horizonMs),
  };
}

/** The spans of an assessment, without what led to them. */
export function spansOf({ intervals }: Assessment): Spans {
  const spans: { [M in Action]?: Span } = {};
  for (const action of ACTIONS) {
    const interval = intervals[action];
    if (!interval) continue;
    const { since, until, causes } = interval;
    spans[action] = { since, until, rules: causes.map(({ rule }) => rule) };
  }
  return spans;
}

function number(value: DocumentValue | undefined): number {
  if (typeof value !== 'number') throw new TypeError('risk document with a wrong number');
  return value;
}

function numbers(value: DocumentValue | undefined): readonly number[] {
  if (!Array.isArray(value)) throw new TypeError('risk document with a wrong list');
  return value.map(number);
}

/** Checks and does not copy: the series of a busy network are long. */
function record<T extends DocumentValue>(
  value: DocumentValue | undefined,
  check: (value: DocumentValue) => T,
): Readonly<Record<string, T>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('risk document with a wrong map');
  }
  for (const member of Object.values(value)) check(member);
  return value as Readonly<Record<string, T>>;
}

function span(value: DocumentValue): Span {
  const { since, until, rules } = record(value, (member) => member);
  if (!Array.isArray(rules) || !rules.every((rule) => typeof rule === 'string')) {
    throw new TypeError('risk document with a wrong list');
  }
  return { since: number(since), until: number(until), rules };
}
