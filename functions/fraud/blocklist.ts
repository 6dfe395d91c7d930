/** The restrictions of a subject as the grant path reads them. */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS } from '../time.ts';
import type { Subject } from './subjects.ts';

/** Who or what made a block: the rules, or an operator as `operator:<name>`. */
export type BlockAuthor = 'rules' | `operator:${string}`;

export interface Block {
  readonly until: Date;
  readonly reason: string;
  /** Ids of the rules that led to it, the heaviest first. */
  readonly rules: readonly string[];
  /** The ordinal of this block among those of the subject, from 1. */
  readonly escalation: number;
  readonly createdAt: Date;
  readonly by: BlockAuthor;
}

/** What is held against a subject; each part may long have ended. */
export interface Restrictions {
  readonly block?: Block;
  /** Requests are served at a lower rate until then. */
  readonly throttledUntil?: Date;
  /** Only devices attested after `since` are served until then. */
  readonly stepUp?: { readonly since: Date; readonly until: Date };
  /** An operator's exception: the rules' restrictions are not applied until then. */
  readonly allowedUntil?: Date;
}

/** How long after its end a block still bounds what its subject may collect. */
export const BLOCK_MEMORY_MS = 90 * DAY_MS;

/** The document at `blockPath(subject)`; it may be deleted once everything in it has ended. */
export function restrictionsDocument(subject: Subject, restrictions: Restrictions): DocumentData {
  const { block, throttledUntil, stepUp, allowedUntil } = restrictions;
  const remembered = block && new Date(block.until.getTime() + BLOCK_MEMORY_MS);
  const ends = [remembered, throttledUntil, stepUp?.until, allowedUntil];
  return {
    kind: subject.kind,
    id: subject.id,
    until: block?.until ?? null,
    reason: block?.reason ?? null,
    rules: block?.rules ?? [],
    escalation: block?.escalation ?? 0,
    createdAt: block?.createdAt ?? null,
    by: block?.by ?? null,
    throttledUntil: throttledUntil ?? null,
    stepUpSince: stepUp?.since ?? null,
    stepUpUntil: stepUp?.until ?? null,
    allowedUntil: allowedUntil ?? null,
    expireAt: new Date(Math.max(0, ...ends.map((end) => end?.getTime() ?? 0))),
  };
}

const author = z.custom<BlockAuthor>(
  (value) => value === 'rules' || (typeof value === 'string' && value.startsWith('operator:')),
);
const read = documentKind(
  'restrictions',
  z.object({
    until: z.date().nullish(),
    reason: z.string().nullish(),
    rules: z.array(z.string()).nullish(),
    escalation: z.number().nullish(),
    createdAt: z.date().nullish(),
    by: author.nullish(),
    throttledUntil: z.date().nullish(),
    stepUpSince: z.date().nullish(),
    stepUpUntil: z.date().nullish(),
    allowedUntil: z.date().nullish(),
  }),
);

/** Throws on a document that cannot be read: a block that cannot be read must not be open. */
export function restrictionsOf(data: DocumentData | undefined): Restrictions {
  if (data === undefined) return {};
  const stored = read(data);
  const { until, throttledUntil, stepUpSince: since, stepUpUntil, allowedUntil } = stored;
  return {
    ...(until && {
      block: {
        until,
        reason: stored.reason ?? '',
        rules: stored.rules ?? [],
        escalation: stored.escalation ?? 0,
        createdAt: stored.createdAt ?? new Date(0),
        by: stored.by ?? 'rules',
      },
    }),
    ...(throttledUntil && { throttledUntil }),
    ...(since && stepUpUntil && { stepUp: { since, until: stepUpUntil } }),
    ...(allowedUntil && { allowedUntil }),
  };
}

/**
 * The parts that apply at `now`. Documents are deleted up to a day after their time, so ends are
 * checked here. An exception lifts what the rules imposed, never what an operator did.
 */
export function activeRestrictions(data: DocumentData | undefined, now: Date): Restrictions {
  const { block, throttledUntil, stepUp, allowedUntil } = restrictionsOf(data);
  const allowed = allowedUntil !== undefined && allowedUntil > now;
  // A block of the rules takes effect a while after it was decided.
  const isOn = block && block.until > now && (block.by !== 'rules' || block.createdAt <= now);
  const blocked = isOn && !(allowed && block.by === 'rules');
  return {
    ...(blocked && { block }),
    ...(!allowed && throttledUntil && throttledUntil > now && { throttledUntil }),
    ...(!allowed && stepUp && stepUp.until > now && { stepUp }),
    ...(allowed && { allowedUntil }),
  };
}

/** Whether there is a block that has begun and whose end is not yet forgotten. The second is decided after the first has. */
export function wasBlockedLately(data: DocumentData | undefined, now: Date): boolean {
  const { block } = restrictionsOf(data);
  return (
    block !== undefined &&
    (block.createdAt <= now || block.escalation > 1) &&
    block.until.getTime() + BLOCK_MEMORY_MS > now.getTime()
  );
}

/** The block that applies at `now`, if there is one. */
export function activeBlock(data: DocumentData | undefined, now: Date): Block | undefined {
  return activeRestrictions(data, now).block;
}
