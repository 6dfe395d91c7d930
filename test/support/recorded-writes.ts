/** What the code writes to the database, seen in a whole story: for the tests of the deployment. */
import { randomBytes } from 'node:crypto';
import type { DocumentData, DocumentStore } from '../../functions/cloud/documents.ts';
import { newEvent } from '../../functions/fraud/events.ts';
import { documentOutbox } from '../../functions/fraud/outbox.ts';
import { block } from '../../functions/operators/restrict.ts';
import { openSession } from '../../functions/operators/session.ts';
import { startApi } from './api-harness.ts';

export interface WritesOfAStory {
  /** Collections that were written to. */
  readonly collections: readonly string[];
  /** Those whose documents carry an `expireAt`. */
  readonly expiring: readonly string[];
}

/**
 * A phone enrols, gets a model, reports a hooked app and asks for more until it is blocked; a campaign
 * is noticed; another user is forgotten; an event waits for Pub/Sub; an operator signs in to the console.
 */
export async function writesOfAStory(): Promise<WritesOfAStory> {
  const written = new Map<string, boolean>();
  const record = (path: string, data: DocumentData) => {
    const [collection = ''] = path.split('/');
    written.set(collection, (written.get(collection) ?? false) || 'expireAt' in data);
  };
  const api = await startApi({}, (services) => ({
    ...services,
    documents: recording(services.documents, record),
  }));
  try {
    await api.publish('story', randomBytes(10_000), { format: 'opaque' });
    const phone = api.phone('thief');
    await phone.enrol();
    await phone.grant('story');
    for (let round = 0; round < 6; round++) {
      await phone.report(
        ['hook', 'debugger', 'root', 'tampering'].map((cause) => ({ type: 'rasp.signal', cause })),
      );
    }
    await api.clients.publisher.idle();
    const user = { kind: 'user', id: api.userId('thief') } as const;
    const asked = { type: 'limit.hit', authenticated: 'device', user: user.id } as const;
    for (let n = 0; n < 40; n++) {
      const attributes = { reason: 'new_models' };
      await api.services.emit({ ...asked, model: `m${n}`, attributes }, new Date());
    }
    await api.services.emit({ ...asked, attributes: { reason: 'campaign_rare' } }, new Date());
    await api.clients.publisher.idle();
    await block(api.services, user, 1, { by: 'operator', reason: 'theft' });
    const other = api.phone('other');
    await other.grant('story');
    await other.eraseMe();
    await openSession(
      { ...api.services, settings: { sessionSeconds: 3_600 } },
      { email: 'operator@example.org', roles: ['operator'], signedInAt: new Date() },
      new Date(),
    );
    const happened = newEvent({ type: 'object.swept' }, new Date(), randomBytes(10));
    await documentOutbox(api.services.documents, () => new Date()).keep(happened);
  } finally {
    await api.close();
  }
  const collections = [...written.keys()].sort();
  return { collections, expiring: collections.filter((name) => written.get(name)) };
}

function recording(
  documents: DocumentStore,
  record: (path: string, data: DocumentData) => void,
): DocumentStore {
  return {
    ...documents,
    create: (path, data) => {
      record(path, data);
      return documents.create(path, data);
    },
    set: (path, data) => {
      record(path, data);
      return documents.set(path, data);
    },
    transaction: (work) =>
      documents.transaction((tx) =>
        work({
          ...tx,
          create: (path, data) => {
            record(path, data);
            tx.create(path, data);
          },
          set: (path, data) => {
            record(path, data);
            tx.set(path, data);
          },
          update: (path, data) => {
            record(path, data);
            tx.update(path, data);
          },
        }),
      ),
  };
}
