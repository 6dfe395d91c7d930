import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { firestoreDocuments } from '../../functions/cloud/firestore.ts';
import { pubsubPublisher } from '../../functions/cloud/pubsub.ts';
import { UpstreamError } from '../../functions/cloud/upstream-error.ts';
import {
  type EmulatorHosts,
  emulatorsInEnvironment,
  findEmulators,
  startEmulators,
} from '../stack/emulators.ts';
import { createProcessGroup, type ProcessGroup } from '../stack/process-group.ts';
import { documentStoreContract } from './documents.contract.ts';
import { publisherContract, type ReceivedMessage } from './publisher.contract.ts';

const running = emulatorsInEnvironment(process.env);
const search = await findEmulators(process.env);
const projectId = 'contract';

const { firestore, pubsub } = running;

if (!(firestore && pubsub) && 'missing' in search) {
  it('runs only against the doubles where there are no emulators', () => {
    expect(search.missing).not.toHaveLength(0);
  });
} else {
  describe('against the emulators', () => {
    let hosts: EmulatorHosts;
    let processes: ProcessGroup | undefined;
    const logFolder = mkdtempSync(join(tmpdir(), 'modelseal-contract-'));

    beforeAll(async () => {
      if (firestore && pubsub) {
        hosts = { firestore, pubsub };
      } else if ('found' in search) {
        processes = createProcessGroup();
        const { found: installation } = search;
        const starting = await startEmulators({ installation, processes, running, logFolder });
        await starting.ready;
        hosts = starting.hosts;
      }
    }, 60_000);

    afterAll(async () => {
      await processes?.stop();
      rmSync(logFolder, { recursive: true });
    });

    describe('Firestore', () => {
      let store: ReturnType<typeof firestoreDocuments>;

      beforeAll(() => {
        store = firestoreDocuments({ projectId, endpoint: `http://${hosts.firestore}` });
      });
      afterAll(() => store.close());

      documentStoreContract(() => store);

      describe('a transaction whose document another holds', () => {
        const pauses: number[] = [];
        let onPause: () => void;
        let contended: ReturnType<typeof firestoreDocuments>;
        /** Reads the document in a transaction, which locks it until `end`. */
        async function holding(path: string) {
          const held = Promise.withResolvers<void>();
          const ended = Promise.withResolvers<void>();
          const done = store.transaction(async (tx) => {
            await tx.getAll([path]);
            held.resolve();
            await ended.promise;
          });
          await held.promise;
          return {
            end() {
              ended.resolve();
              return done;
            },
          };
        }
        const counting = (path: string, seen: { runs: number }) =>
          contended.transaction(async (tx) => {
            seen.runs++;
            const [data] = await tx.getAll([path]);
            tx.set(path, { n: Number(data?.['n'] ?? 0) + 1 });
          });

        beforeAll(() => {
          contended = firestoreDocuments({
            projectId,
            endpoint: `http://${hosts.firestore}`,
            async pause(ms) {
              pauses.push(ms);
              onPause();
            },
          });
        });
        beforeEach(() => {
          pauses.length = 0;
          onPause = () => undefined;
        });
        afterAll(() => contended.close());

        it('runs again after a short wait of ours, and takes effect once', async () => {
          const path = `contended-${process.pid}/once`;
          const rival = await holding(path);
          let ending: Promise<void> | undefined;
          onPause = () => {
            ending ??= rival.end();
          };
          const seen = { runs: 0 };
          await counting(path, seen);
          await ending;
          expect(await store.get(path)).toEqual({ n: 1 });
          expect(seen.runs).toBe(pauses.length + 1);
          expect(pauses.length).toBeGreaterThan(0);
          expect(pauses[0]).toBeLessThanOrEqual(100);
        }, 30_000);

        it('is given up after seven runs, with a typed error and no effect', async () => {
          const path = `contended-${process.pid}/never`;
          const rival = await holding(path);
          const seen = { runs: 0 };
          await expect(counting(path, seen)).rejects.toMatchObject({
            code: 'unavailable',
            reason: 'firestore_transaction_contended',
          });
          await rival.end();
          expect(await store.get(path)).toBeUndefined();
          expect(seen.runs).toBe(7);
          expect(pauses).toHaveLength(6);
          for (const [n, ms] of pauses.entries()) {
            expect(ms).toBeGreaterThanOrEqual(0);
            expect(ms).toBeLessThanOrEqual(100 * 2 ** n);
          }
        }, 60_000);
      });
    });

    describe('Pub/Sub', () => {
      const topics = {
        events: 'c-events',
        decisions: 'c-decisions',
        orders: 'c-orders',
        'dead-letters': 'c-dead',
      };
      let publisher: ReturnType<typeof pubsubPublisher>;
      let admin: PubSub;

      beforeAll(async () => {
        const endpoint = `http://${hosts.pubsub}`;
        publisher = pubsubPublisher({ projectId, topics, endpoint });
        admin = new PubSub({ projectId, apiEndpoint: endpoint });
        for (const topic of Object.values(topics)) {
          await admin.createTopic(topic);
          await admin.createSubscription(topic, `${topic}-sub`);
        }
      });
      afterAll(async () => {
        await publisher.close();
        await admin.close();
      });

      publisherContract(() => ({
        publisher,
        receive: (topic, count) => receive(admin, `${topics[topic]}-sub`, count),
      }));

      it('fails where there is no topic', async () => {
        const lost = pubsubPublisher({
          projectId,
          topics: { ...topics, events: 'c-none' },
          endpoint: `http://${hosts.pubsub}`,
        });
        await expect(lost.publish('events', {})).rejects.toBeInstanceOf(UpstreamError);
        await lost.close();
      });
    });
  });
}

async function receive(
  pubsub: PubSub,
  name: string,
  count: number,
): Promise<readonly ReceivedMessage[]> {
  const messages: ReceivedMessage[] = [];
  const subscription = pubsub.subscription(name);
  await new Promise<void>((resolve, reject) => {
    subscription.on('error', reject).on('message', (message) => {
      messages.push({
        data: JSON.parse(message.data.toString()),
        attributes: { ...message.attributes },
      });
      message.ack();
      if (messages.length === count) resolve();
    });
  });
  await subscription.close();
  return messages;
}
