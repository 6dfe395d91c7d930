/**
 * How many events of our own there were of each kind and cause, what rules made of them, and how long copies took, hour by
 * hour: figures for a page, which name nobody. Each instance that scores events writes its own document of the hour, every few seconds
 * while there are any, so that nobody waits for anybody. What an instance counted in its last seconds
 * may be lost, and what is delivered twice counts twice: nothing is decided by these figures.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { documentKind, readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { bucketOf } from '../observability/durations.ts';
import { DAY_MS, HOUR_MS } from '../time.ts';
import type { Decision } from './decisions.ts';
import type { FraudEvent } from './events.ts';

const WRITE_AFTER_MS = 5_000;
const RETENTION_MS = 8 * DAY_MS;
/** Kinds and causes are words of ours, and few; a mistake in one must not make a document grow. */
const MAX_KINDS = 100;
/** Of an hour, in an instance's memory. */
const MAX_DECIDED = 10_000;
/** Of a day: an instance an hour is one. */
const MAX_DOCUMENTS = 2_000;

const numbers = z.record(z.string(), z.int());
const read = documentKind(
  'event counts',
  z.object({
    hour: z.date(),
    counts: numbers,
    /** Decisions that a rule is among the causes of, by rule; those of rules under trial as `shadow RULE`. */
    rules: numbers.default({}),
    /** Copies by how long they took: numbers of buckets (observability/durations.ts). */
    took: numbers.default({}),
    /** Of these copies, sealed. */
    sealedBytes: z.int().default(0),
    expireAt: z.date(),
  }),
);

/** A kind of event and its cause, where it has one. */
const kindOf = ({ type, cause }: Pick<FraudEvent, 'type' | 'cause'>): string =>
  cause === null ? type : `${type} ${cause}`;

const hourOf = (at: Date): Date => new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);

/** Names and how often each came; beyond so many names the rest share one. */
class Tally {
  readonly sums = new Map<string, number>();

  add(name: string): void {
    const known = this.sums.has(name) || this.sums.size < MAX_KINDS ? name : 'other';
    this.sums.set(known, (this.sums.get(known) ?? 0) + 1);
  }
}

/** What was counted in an hour. */
class Hour {
  readonly #events = new Tally();
  readonly #rules = new Tally();
  readonly #took = new Tally();
  /** Decisions with a rule that were counted: one is published again when more evidence comes for its instant. */
  readonly #decided = new Set<string>();
  readonly #at: Date;
  #sealedBytes = 0;

  constructor(at: Date) {
    this.#at = at;
  }

  isOf(at: Date): boolean {
    return hourOf(at).getTime() === this.#at.getTime();
  }

  get isEmpty(): boolean {
    return this.#events.sums.size + this.#rules.sums.size === 0;
  }

  add(event: FraudEvent, decisions: readonly Decision[]): void {
    // What apps tell of themselves is theirs; what rules make of it is ours.
    if (event.source === 'server') this.#events.add(kindOf(event));
    for (const { decisionId, causes, shadow } of decisions) {
      for (const { rule } of causes) {
        const name = shadow ? `shadow ${rule}` : rule;
        const once = `${decisionId} ${name}`;
        if (this.#decided.has(once)) continue;
        if (this.#decided.size < MAX_DECIDED) this.#decided.add(once);
        this.#rules.add(name);
      }
    }
    // Of a copy before it: api/grant.ts.
    const { beforeMs, beforeBytes } = event.source === 'server' ? event.attributes : {};
    if (typeof beforeMs !== 'number' || typeof beforeBytes !== 'number') return;
    this.#took.add(String(bucketOf(beforeMs)));
    this.#sealedBytes += beforeBytes;
  }

  documentOf(instance: string) {
    const path = `counts/${this.#at.toISOString()}~${instance}`;
    const [counts, rules, took] = [this.#events, this.#rules, this.#took].map(({ sums }) =>
      Object.fromEntries(sums),
    ) as [Record<string, number>, Record<string, number>, Record<string, number>];
    const expireAt = new Date(this.#at.getTime() + RETENTION_MS);
    return {
      path,
      data: { hour: this.#at, counts, rules, took, sealedBytes: this.#sealedBytes, expireAt },
    };
  }
}

/** Counts the events of our functions that pass through this instance, and what rules made of any event. Rejects never. */
export function createEventCounts(
  documents: Pick<DocumentStore, 'set'>,
  now: () => Date,
): (event: FraudEvent, decisions?: readonly Decision[]) => Promise<void> {
  const instance = randomUUID();
  let hour = new Hour(hourOf(new Date(0)));
  let writtenAt = 0;
  let isToCome = false;
  const write = (): Promise<void> => {
    const { path, data } = hour.documentOf(instance);
    return documents.set(path, data).catch(() => undefined);
  };
  return async (event, decisions = []) => {
    if (event.source !== 'server' && decisions.length === 0) return;
    const at = now();
    if (!hour.isOf(at)) {
      if (!hour.isEmpty) await write();
      [hour, writtenAt] = [new Hour(hourOf(at)), 0];
    }
    hour.add(event, decisions);
    if (at.getTime() - writtenAt >= WRITE_AFTER_MS) {
      writtenAt = at.getTime();
      await write();
    } else if (!isToCome) {
      isToCome = true;
      // The last of a burst is written, too: where the instance sleeps meanwhile, when it wakes or ends.
      setTimeout(() => {
        isToCome = false;
        void write();
      }, WRITE_AFTER_MS).unref();
    }
  };
}

/** What was counted in the last twenty-four hours, of all instances together. */
export interface DayCounts {
  readonly counts: ReadonlyMap<string, number>;
  readonly rules: ReadonlyMap<string, number>;
  /** By the numbers of buckets. */
  readonly took: ReadonlyMap<number, number>;
  readonly sealedBytes: number;
  readonly isComplete: boolean;
}

export async function countsOfADay(
  documents: Pick<DocumentStore, 'query'>,
  now: Date,
): Promise<DayCounts> {
  const found = await documents.query({
    collection: 'counts',
    where: [['hour', '>', new Date(now.getTime() - DAY_MS)]],
    orderBy: ['hour', 'desc'],
    limit: MAX_DOCUMENTS,
  });
  const { values, unreadable } = readEach(found, ({ data }) => read(data));
  const sumsOf = (of: 'counts' | 'rules' | 'took') => {
    const sums = new Map<string, number>();
    for (const value of values) {
      for (const [name, count] of Object.entries(value[of])) {
        sums.set(name, (sums.get(name) ?? 0) + count);
      }
    }
    return sums;
  };
  return {
    ...{ counts: sumsOf('counts'), rules: sumsOf('rules') },
    took: new Map([...sumsOf('took')].map(([bucket, count]) => [Number(bucket), count])),
    sealedBytes: values.reduce((sum, { sealedBytes }) => sum + sealedBytes, 0),
    isComplete: found.length < MAX_DOCUMENTS && unreadable.length === 0,
  };
}
