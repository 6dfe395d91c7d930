/**
 * `POST /internal/sweep`, each minute by Cloud Scheduler: deletes the sealed objects whose time is
 * over, and publishes the events that wait in the outbox. Doing either twice does no harm, so sweeps
 * may overlap, fail half-way and be repeated.
 */
import type { EndpointTable } from '../api/endpoint.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import { emptyOutbox, type OutboxServices } from '../fraud/outbox.ts';
import { readSealedObjectName } from '../grants/sealed-object.ts';
import { describeError, type Log } from '../log.ts';

const CONCURRENT_DELETES = 16;

export interface SweepServices {
  readonly config: { readonly buckets: { readonly sealed: string } };
  readonly objects: Pick<ObjectStore, 'list' | 'delete'>;
  readonly emit: Emit;
  readonly log: Log;
}

export const endpoints: EndpointTable<SweepServices & OutboxServices> = {
  'POST /internal/sweep': {
    user: false,
    async handle({ now }, services) {
      const sweeping = sweep(services, now).then((swept) => {
        services.log(swept.failed > 0 ? 'ERROR' : 'INFO', 'swept', swept);
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

/** Deletes every sealed object that is due at `now`; one that cannot be deleted does not stop the rest. */
export async function sweep(
  services: SweepServices,
  now: Date,
): Promise<{ deleted: number; failed: number }> {
  const bucket = services.config.buckets.sealed;
  const counts = { deleted: 0, failed: 0 };

  const remove = async (name: string, grantId: string | null): Promise<void> => {
    try {
      if (!(await services.objects.delete(bucket, name))) return;
      counts.deleted += 1;
      await services.emit({ type: 'object.swept', grant: grantId }, now);
    } catch (error) {
      counts.failed += 1;
      services.log('ERROR', 'object not swept', { grant: grantId, ...describeError(error) });
    }
  };

  let batch: Promise<void>[] = [];
  for await (const { name } of services.objects.list(bucket, '')) {
    const known = readSealedObjectName(name);
    // Names sort by their end: the first that is not due ends the sweep.
    if (known && known.dueAt > now) break;
    // A name that is not ours has no business in this bucket.
    batch.push(remove(name, known?.grantId ?? null));
    if (batch.length >= CONCURRENT_DELETES) {
      await Promise.all(batch);
      batch = [];
    }
  }
  await Promise.all(batch);
  return counts;
}
