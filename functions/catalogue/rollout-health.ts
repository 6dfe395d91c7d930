/**
 * How a rollout goes, by the votes of devices: of the version that is rolled out against the one that
 * all others have, over the same time and devices of the same condition. Only devices count that had
 * enrolled before the rollout began: a device's place depends on the version's name, so that nobody can
 * make devices that fall into it.
 */
import { z } from 'zod';
import { documentKind, readEach } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore, StoredDocument } from '../cloud/documents.ts';
import { holds } from '../protocol/rollout.ts';
import type { Rule } from '../protocol/rollout-rules.ts';
import { DAY_MS, HOUR_MS } from '../time.ts';
import { readVote, rolloutKey, type Vote, voteKey } from './rollout-votes.ts';
import {
  type Count,
  NO_EVIDENCE,
  NOTHING,
  strengthOf,
  sumOf,
  withBatch,
} from './sequential-test.ts';

/** What may go wrong, each tested by itself. */
export const SIGNALS = ['failed', 'refused', 'slow', 'crashed', 'delayed'] as const;
export type Signal = (typeof SIGNALS)[number];

/** What votes are counted by: a phone's first opening, a later use, and the service's own sealing of a copy. */
type Kind = 'opened' | 'ran' | 'fetched';

/** Of each signal, which votes it is counted among, and which of them are bad. */
const TESTS: Readonly<
  Record<Signal, { readonly among: Kind; readonly isBad: (vote: Vote) => boolean }>
> = {
  failed: { among: 'opened', isBad: ({ opening }) => opening === 'failed' },
  slow: { among: 'opened', isBad: ({ opening }) => opening === 'slow' },
  crashed: { among: 'ran', isBad: ({ run }) => run === 'crashed' },
  refused: { among: 'fetched', isBad: ({ sealing }) => sealing === 'failed' },
  delayed: { among: 'fetched', isBad: ({ sealing }) => sealing === 'slow' },
};

const keyOf = ({ openedKey, ranKey, fetchedKey }: Vote, kind: Kind): string =>
  ({ opened: openedKey, ran: ranKey, fetched: fetchedKey })[kind] ?? '';

/** Evidence that comes by chance in one rollout of a hundred at most, over all signals together. */
export const HALTING_STRENGTH = 100;
/** However strong the evidence: less is no reason to stop a version, and few phones that lie are less. */
const LEAST_BAD = 10;
const LEAST_BAD_SHARE = 0.005;
/** How long a vote may still become worse before it counts: reports come in any order. */
const SETTLED_MS = 10 * 60_000;
/** Of each version, before a batch is looked at; and at most in one. */
const BATCH = { least: 20, most: 2_000 };
const RETENTION_MS = 90 * DAY_MS;
/**
 * Whether phones tell anything: of those that have had the version for an hour, so many at most are looked
 * at, the newest, and less than this share of them reporting is as if nobody did.
 */
const LISTEN = { afterMs: HOUR_MS, phones: 500, leastShare: 0.1 };

const count = z.object({ devices: z.int(), bad: z.int() });
const signalRecord = z.object({ evidence: z.array(z.number()), recent: count, before: count });
/** Without `fetched` in a record from before that was counted: it begins with the next votes. */
const cursors = z.object({
  opened: z.string(),
  ran: z.string(),
  fetched: z.string().optional(),
});
const record = z.object({
  model: z.string(),
  name: z.string(),
  /** Up to where the votes of each version are counted. */
  recent: cursors,
  before: cursors,
  signals: z.partialRecord(z.enum(SIGNALS), signalRecord),
  /** Of the phones that fetched it, how many have told how the first opening went. */
  heard: z.object({ fetched: z.int(), reported: z.int() }).default({ fetched: 0, reported: 0 }),
  /** It was halted for what is told here. */
  halted: z.boolean(),
  updatedAt: z.date(),
  expireAt: z.date(),
});
type HealthRecord = z.infer<typeof record>;

/** Of a signal that nothing is known of. */
const BLANK: z.infer<typeof signalRecord> = {
  evidence: [...NO_EVIDENCE],
  recent: NOTHING,
  before: NOTHING,
};

/** What is told of a rollout. */
export interface RolloutHealth {
  readonly name: string;
  /** How many times likelier the reports are with a worse version than without: 100 halts. */
  readonly strength: number;
  readonly halted: boolean;
  readonly updatedAt: Date;
  readonly heard: Heard;
  /** Phones fetch it and tell nothing: its steps wait. */
  readonly isUnheard: boolean;
  readonly signals: Readonly<
    Record<Signal, { readonly recent: Count; readonly before: Count; readonly strength: number }>
  >;
}

/** Phones that have had a version for an hour, and those of them that reported. */
export interface Heard {
  readonly fetched: number;
  readonly reported: number;
}

/** Whether so few phones tell of a version that nobody watches over it. Not while none has fetched it. */
const isUnheard = ({ fetched, reported }: Heard): boolean => reported < LISTEN.leastShare * fetched;

/** Why a rollout is to be halted. */
export interface Finding {
  readonly signal: Signal;
  readonly strength: number;
  readonly recent: Count;
  readonly before: Count;
}

export const healthPath = (modelId: string, name: string): string =>
  `rollouts/${rolloutKey(modelId, name)}`;

const read = documentKind('rollout', record);

/** The health of a rollout by its document. */
function healthOf(data: DocumentData): RolloutHealth {
  const { name, halted, updatedAt, heard, signals } = read(data);
  const told = mapSignals((signal) => {
    const { evidence, recent, before } = signals[signal] ?? BLANK;
    return { recent, before, strength: strengthOf(evidence) };
  });
  const unheard = isUnheard(heard);
  return {
    name,
    halted,
    updatedAt,
    heard,
    isUnheard: unheard,
    signals: told,
    strength: meanOf(told),
  };
}

/** The health of a model's rollouts, those of which something is known that can be read. */
export async function rolloutHealth(
  documents: Pick<DocumentStore, 'get'>,
  modelId: string,
  names: readonly string[],
): Promise<readonly RolloutHealth[]> {
  const paths = names.map((name) => healthPath(modelId, name));
  const found = await Promise.all(paths.map((path) => documents.get(path)));
  const known = found.flatMap((data, index) => (data ? [{ path: paths[index] ?? '', data }] : []));
  return readEach(known, ({ data }) => healthOf(data)).values;
}

/** What is to be counted, and its document after that. */
export interface Examination {
  readonly document: DocumentData;
  /** Undefined while there is no reason to halt. */
  readonly finding: Finding | undefined;
  /** Set where phones fetch the version and tell nothing. */
  readonly unheard: Heard | undefined;
}

/**
 * Counts the votes that have settled since the last time. Where it was halted before and goes on, a
 * person has decided: everything begins anew. Reads; whoever calls stores the document.
 */
export async function examine(
  documents: Pick<DocumentStore, 'get' | 'query'>,
  modelId: string,
  rule: Rule,
  base: Rule,
  now: Date,
): Promise<Examination> {
  const data = await documents.get(healthPath(modelId, rule.name));
  const last = data && read(data);
  let health = last && !last.halted ? last : fresh(modelId, rule, base, now, last?.halted);
  const sides = { recent: rule.name, before: base.name } as const;
  for (const kind of ['opened', 'ran', 'fetched'] as const) {
    const votes = async (side: 'recent' | 'before') => {
      const begun = voteKey(rolloutKey(modelId, sides[side]), new Date((rule.since ?? 0) * 1000));
      const from = health[side][kind] ?? begun;
      const until = voteKey(rolloutKey(modelId, sides[side]), new Date(now.getTime() - SETTLED_MS));
      return settledVotes(documents, kind, from, until);
    };
    const [recent, before] = [await votes('recent'), await votes('before')];
    health = counted(health, kind, { recent, before }, rule);
  }
  const finding = findingOf(health);
  const heard = await heardOf(documents, rolloutKey(modelId, rule.name), rule, now);
  const document = {
    ...{ ...health, heard },
    ...{ halted: finding !== undefined, updatedAt: now },
    expireAt: new Date(now.getTime() + RETENTION_MS),
  };
  return {
    ...{ document: document as unknown as DocumentData, finding },
    unheard: isUnheard(heard) ? heard : undefined,
  };
}

async function heardOf(
  documents: Pick<DocumentStore, 'query'>,
  rollout: string,
  rule: Rule,
  now: Date,
): Promise<Heard> {
  const { since = 0 } = rule;
  const found = await documents.query({
    collection: 'votes',
    where: [
      ['fetchedKey', '>', voteKey(rollout, new Date(since * 1000))],
      ['fetchedKey', '<', voteKey(rollout, new Date(now.getTime() - LISTEN.afterMs))],
    ],
    orderBy: ['fetchedKey', 'desc'],
    limit: LISTEN.phones,
  });
  const votes = votesOf(found).filter((vote) => isOf(vote, rule));
  return { fetched: votes.length, reported: votes.filter(({ opening }) => opening).length };
}

function fresh(
  model: string,
  { name, since = 0 }: Rule,
  base: Rule,
  now: Date,
  isResumed = false,
): HealthRecord {
  const from = isResumed ? now : new Date(since * 1000);
  const cursor = (of: string) => {
    const key = voteKey(rolloutKey(model, of), from);
    return { opened: key, ran: key, fetched: key };
  };
  return {
    ...{ model, name, recent: cursor(name), before: cursor(base.name) },
    signals: mapSignals(() => BLANK),
    ...{ heard: { fetched: 0, reported: 0 }, halted: false, updatedAt: now, expireAt: now },
  };
}

async function settledVotes(
  documents: Pick<DocumentStore, 'query'>,
  kind: Kind,
  from: string,
  until: string,
): Promise<readonly Vote[]> {
  const field = `${kind}Key`;
  const found = await documents.query({
    collection: 'votes',
    where: [
      [field, '>', from],
      [field, '<', until],
    ],
    orderBy: [field, 'asc'],
    limit: BATCH.most,
  });
  return votesOf(found);
}

/** Those that can be read: one that cannot must not keep a version that harms phones from being halted. */
const votesOf = (found: readonly StoredDocument[]): readonly Vote[] =>
  readEach(found, ({ data }) => readVote(data)).values;

/** The record with a batch of votes; as it was while one of the two versions has too few. */
function counted(
  health: HealthRecord,
  kind: Kind,
  votes: { readonly recent: readonly Vote[]; readonly before: readonly Vote[] },
  rule: Rule,
): HealthRecord {
  const of = (side: 'recent' | 'before') => votes[side].filter((vote) => isOf(vote, rule));
  const [recent, before] = [of('recent'), of('before')];
  if (Math.min(recent.length, before.length) < BATCH.least) return health;
  const signals = mapSignals((signal): z.infer<typeof signalRecord> => {
    const old = health.signals[signal] ?? BLANK;
    if (TESTS[signal].among !== kind) return old;
    const [added, addedBefore] = [countOf(recent, signal), countOf(before, signal)];
    return {
      evidence: [...withBatch(old.evidence, added, addedBefore)],
      recent: sumOf(old.recent, added),
      before: sumOf(old.before, addedBefore),
    };
  });
  const moved = (side: 'recent' | 'before') => ({
    ...health[side],
    [kind]: votes[side].map((vote) => keyOf(vote, kind)).at(-1) ?? health[side][kind],
  });
  return { ...health, signals, recent: moved('recent'), before: moved('before') };
}

/** Whether the device was there before the rollout, and is one of those that it is for. */
const isOf = (
  { device, platform, appVersion, traits, enrolledAt }: Vote,
  { when, since = 0 }: Rule,
): boolean =>
  enrolledAt.getTime() < since * 1000 &&
  holds(when, { deviceId: device, platform, appVersion, ...traits });

const countOf = (votes: readonly Vote[], signal: Signal): Count => ({
  devices: votes.length,
  bad: votes.filter(TESTS[signal].isBad).length,
});

function findingOf({ signals }: HealthRecord): Finding | undefined {
  const told = SIGNALS.map((signal) => {
    const { evidence, recent, before } = signals[signal] ?? BLANK;
    return { signal, recent, before, strength: strengthOf(evidence) };
  });
  const strength = told.reduce((sum, each) => sum + each.strength, 0) / SIGNALS.length;
  const [worst] = told
    .filter(({ recent: { devices, bad } }) => bad >= Math.max(LEAST_BAD, LEAST_BAD_SHARE * devices))
    .sort((a, b) => b.strength - a.strength);
  if (!worst || strength < HALTING_STRENGTH || worst.strength < HALTING_STRENGTH) return undefined;
  return { ...worst, strength };
}

const meanOf = (signals: Readonly<Record<Signal, { readonly strength: number }>>): number =>
  SIGNALS.reduce((sum, signal) => sum + signals[signal].strength, 0) / SIGNALS.length;

function mapSignals<T>(make: (signal: Signal) => T): Record<Signal, T> {
  const [failed, refused, slow, crashed, delayed] = SIGNALS;
  return {
    [failed]: make(failed),
    [refused]: make(refused),
    [slow]: make(slow),
    [crashed]: make(crashed),
    [delayed]: make(delayed),
  } as Record<Signal, T>;
}
