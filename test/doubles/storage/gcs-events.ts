import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectResource } from './gcs-store.ts';

/** Events of a bucket go to this URL. */
export interface EventTarget {
  readonly bucket: string;
  readonly url: string;
}

/** How often an event is tried: like Eventarc, but for minutes instead of a day. */
const MAX_ATTEMPTS = 8;

/**
 * Tells the targets of an object's bucket that it is there, as Eventarc does: a CloudEvent in
 * binary mode (https://github.com/cloudevents/spec, HTTP binding section 3.1), again until it is
 * taken.
 */
export async function emitFinalized(
  resource: ObjectResource,
  targets: readonly EventTarget[],
  signal: AbortSignal,
): Promise<void> {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': randomUUID(),
    'ce-type': 'google.cloud.storage.object.v1.finalized',
    'ce-source': `//storage.googleapis.com/projects/_/buckets/${resource.bucket}`,
    'ce-subject': `objects/${encodeURI(resource.name)}`,
    'ce-time': resource.timeCreated,
  };
  const body = JSON.stringify(resource);
  const send = async ({ url }: EventTarget): Promise<void> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const taken = await fetch(url, { method: 'POST', headers, body, signal }).then(
        ({ ok }) => ok,
        () => false,
      );
      if (taken || signal.aborted) return;
      await sleep(200 * 2 ** attempt, undefined, { signal }).catch(() => undefined);
    }
  };
  await Promise.all(targets.filter(({ bucket }) => bucket === resource.bucket).map(send));
}
