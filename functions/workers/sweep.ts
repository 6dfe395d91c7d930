/**
 * `POST /internal/sweep`, each minute by Cloud Scheduler: deletes the sealed objects whose time is
 * over, and publishes the events that wait in the outbox. Doing either twice does no harm, so sweeps
 * may overlap, fail half-way and be repeated.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { EndpointTable } from '../api/endpoint.ts';
import { MAX_DELETED_TOGETHER, type ObjectStore } from '../cloud/objects.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import { emptyOutbox, type OutboxServices } from '../fraud/outbox.ts';
import { readSealedObjectName, SEALED_SHARDS } from '../grants/sealed-object.ts';
import { describeError, type Log } from '../log.ts';

/** Each has up to MAX_DELETED_TOGETHER events under way: fewer than event delivery bears. */
const CONCURRENT_SHARDS = 8;
/** A pass that deletes so many is followed by another: at this rate, a minute is a long time. */
const BUSY_FROM = 1_000;
const BUSY_PAUSE_MS = 5_000;
/** The next run comes a minute after this one began. */
const BUSY_FOR_MS = 45_000;

export interface SweepServices {
  readonly config: { readonly buckets: { readonly sealed: string } };
  readonly objects: Pick<ObjectStore, 'list' | 'deleteTogether'>;
  readonly emit: Emit;
  readonly log: Log;
}

export interface Swept {
  deleted: number;
  failed: number;
}

export const endpoints: EndpointTable<SweepServices & OutboxServices> = {
  'POST /internal/sweep': {
    user: false,
    async handle({ now }, services) {
      const startedAt = performance.now();
      const elapsedMs = () => performance.now() - startedAt;
      const sweeping = sweepWhileBusy(services, now, { elapsedMs, pause }).then((swept) => {
        services.log(swept.failed > 0 ? 'ERROR' : 'INFO', 'swept', { ...swept });
        return swept;
      });
      const emptying = emptyOutbox(services, now).then((outbox) => {
        services.log(outbox.waiting > 0 ? 'ERROR' : 'INFO', 'outbox emptied', { ...outbox });
        return outbox;
      });
      // Whichever fails, the other comes to its end first.
      await Promise.allSettled([sweeping, emptying]);
      return { status: 200, body: { ...(await sweeping), ...(await emptying) } };
    },
  },
};

/** Sweeps once; and again for the rest of the minute, as long as each pass finds much. */
export async function sweepWhileBusy(
  services: SweepServices,
  startedAt: Date,
  time: { readonly elapsedMs: () => number; readonly pause: (ms: number) => Promise<unknown> },
): Promise<Swept> {
  const total: Swept = { deleted: 0, failed: 0 };
  for (;;) {
    const pass = await sweep(services, new Date(startedAt.getTime() + time.elapsedMs()));
    total.deleted += pass.deleted;
    total.failed += pass.failed;
    if (pass.deleted < BUSY_FROM || time.elapsedMs() + BUSY_PAUSE_MS > BUSY_FOR_MS) return total;
    await time.pause(BUSY_PAUSE_MS);
  }
}

/** Deletes every sealed object that is due at `now`; one that cannot be deleted does not stop the rest. */
export async function sweep(services: SweepServices, now: Date): Promise<Swept> {
  const counts: Swept = { deleted: 0, failed: 0 };
  const shards = SEALED_SHARDS.values();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const shard of shards) {
      await sweepShard(services, shard, now, counts).catch((error) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_SHARDS }, worker));
  // A bucket that cannot be listed is a sweep that stands still.
  if (failures.length > 0) throw failures[0];
  return counts;
}

async function sweepShard(
  services: SweepServices,
  shard: string,
  now: Date,
  counts: Swept,
): Promise<void> {
  let batch: string[] = [];
  for await (const { name } of services.objects.list(services.config.buckets.sealed, shard)) {
    const known = readSealedObjectName(name);
    // Names of a shard sort by their end: the first that is not due ends its sweep.
    if (known && known.dueAt > now) break;
    // A name that is not ours has no business in this bucket; one that no shard's sweep meets
    // ends by the bucket's lifecycle.
    batch.push(name);
    if (batch.length === MAX_DELETED_TOGETHER) {
      await remove(services, batch, now, counts);
      batch = [];
    }
  }
  await remove(services, batch, now, counts);
}

async function remove(
  { config, objects, emit, log }: SweepServices,
  names: readonly string[],
  now: Date,
  counts: Swept,
): Promise<void> {
  if (names.length === 0) return;
  const grantOf = (name: string) => readSealedObjectName(name)?.grantId ?? null;
  const listed = (some: readonly string[]) => some.map(grantOf).join(' ');
  try {
    const deletions = await objects.deleteTogether(config.buckets.sealed, names);
    const deleted = names.filter((_, n) => deletions[n] === 'deleted');
    const failed = names.filter((_, n) => deletions[n] === 'failed');
    counts.deleted += deleted.length;
    counts.failed += failed.length;
    if (failed.length > 0) log('ERROR', 'objects not swept', { grants: listed(failed) });
    await Promise.all(
      deleted.map((name) => emit({ type: 'object.swept', grant: grantOf(name) }, now)),
    );
  } catch (error) {
    counts.failed += names.length;
    log('ERROR', 'objects not swept', { grants: listed(names), ...describeError(error) });
  }
}
