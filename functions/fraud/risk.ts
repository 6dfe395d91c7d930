/** The risk document of a subject: its evidence, and what the rules made of it last. */
import { z } from 'zod';
import type { DocumentData } from '../cloud/documents.ts';
import { type Evidence, NO_EVIDENCE } from './evidence.ts';
import type { RuleSet } from './rules.ts';
import type { Assessment, Measure } from './scoring.ts';
import type { Subject } from './subjects.ts';

export interface Risk {
  readonly evidence: Evidence;
  /** An operator's pardon: evidence at or before this instant does not count. */
  readonly forgivenAt: number;
  /** Of each measure the episode last written into the restrictions. */
  readonly episodes: Readonly<Partial<Record<Measure, Pick<Span, 'since' | 'until'>>>>;
}

interface Span {
  readonly since: number;
  readonly until: number;
}

const instant = z.number().int().nonnegative();
const span = z.object({ since: instant, until: instant });
const riskSchema = z.object({
  newest: instant,
  trails: z.record(z.string(), z.record(z.string(), instant)),
  forgivenAt: instant,
  episodes: z.partialRecord(z.enum(['watch', 'throttle', 'stepUp', 'block']), span),
});

/** Throws ZodError on a document that is not a risk document. */
export function riskOf(data: DocumentData | undefined): Risk {
  if (data === undefined) return { evidence: NO_EVIDENCE, forgivenAt: 0, episodes: {} };
  const { newest, trails, forgivenAt, episodes } = riskSchema.parse(data);
  return { evidence: { newest, trails }, forgivenAt, episodes };
}

/** A pure function of the evidence, so that the same events leave the same bytes behind. */
export function riskDocument(
  subject: Subject,
  evidence: Evidence,
  forgivenAt: number,
  assessment: Assessment,
  ruleSet: RuleSet,
): DocumentData {
  const episodes = Object.entries(assessment.episodes).map(
    ([measure, { since, until }]) => [measure, { since, until }] as const,
  );
  return {
    kind: subject.kind,
    id: subject.id,
    newest: evidence.newest,
    trails: evidence.trails,
    forgivenAt,
    score: assessment.score,
    escalation: assessment.escalation,
    episodes: Object.fromEntries(episodes),
    rules: ruleSet.version,
    expireAt: new Date(evidence.newest + ruleSet.horizonSeconds * 1000),
  };
}
