/** Messages that scoring cannot take, through Google's Pub/Sub emulator into the dead letters and back. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pubsubPublisher } from '../../functions/cloud/pubsub.ts';
import { UpstreamError } from '../../functions/cloud/upstream-error.ts';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { eventMessage } from '../../functions/fraud/event-message.ts';
import { HOUR_MS } from '../../functions/time.ts';
import { createScoreHandler } from '../../functions/workers/score.ts';
import { deadLettersOf } from '../../scripts/commands/dead-letter-source.ts';
import { replayDeadLetters } from '../../scripts/commands/replay-dead-letters.ts';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { STORY_START, tell } from '../fraud/story.ts';
import { findEmulators, startEmulators } from '../stack/emulators.ts';
import { listenOnLoopback } from '../stack/ports.ts';
import { createProcessGroup } from '../stack/process-group.ts';
import { createTopics, holdMessagesOf, pushTo } from '../stack/topics.ts';

const projectId = 'dead-letters-test';
const topics = {
  events: 'events',
  decisions: 'decisions',
  orders: 'orders',
  'dead-letters': 'dead-letters',
};

const search = await findEmulators(process.env);

if ('missing' in search) {
  it('needs the Pub/Sub emulator', () => {
    expect(search.missing).not.toHaveLength(0);
  });
} else {
  describe('a message that scoring cannot take', () => {
    const processes = createProcessGroup();
    const logFolder = mkdtempSync(join(tmpdir(), 'modelseal-dead-'));
    const documents = memoryDocuments();
    const causes: unknown[] = [];
    let now = new Date(STORY_START);
    let endpoint: string;
    let publisher: ReturnType<typeof pubsubPublisher>;
    let server: Server;

    beforeAll(async () => {
      const { hosts, ready } = await startEmulators({
        installation: search.found,
        processes,
        running: { firestore: 'not needed' },
        logFolder,
      });
      await ready;
      endpoint = `http://${hosts.pubsub}`;
      publisher = pubsubPublisher({ projectId, topics, endpoint, timeoutMs: 20_000 });
      const service = { endpoint, projectId };
      await createTopics({ ...service, topics: Object.values(topics) });
      await holdMessagesOf({ ...service, topic: 'dead-letters' });
      const handle = createScoreHandler({
        documents,
        publisher,
        rules: DEFAULT_RULES,
        now: () => now,
        log: (_severity, _message, fields) => causes.push(fields?.['cause']),
      });
      server = createServer(async (request, response) => {
        const data = await json(request);
        const status = await handle({ id: '1', type: 't', source: 's', data }).then(
          () => 204,
          () => 500,
        );
        response.writeHead(status).end();
      });
      const target = `http://127.0.0.1:${await listenOnLoopback(server)}`;
      const subscription = { topic: 'events', subscription: 'score', target };
      await pushTo({ ...service, ...subscription, deadLetterTopic: 'dead-letters' });
    }, 60_000);

    afterAll(async () => {
      await publisher.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await processes.stop();
      rmSync(logFolder, { recursive: true });
    });

    const replay = () =>
      replayDeadLetters(
        deadLettersOf({ projectId, endpoints: { pubsub: endpoint } as never }),
        publisher,
      );
    const until = async (done: () => boolean | Promise<boolean>) => {
      for (let wait = 0; wait < 400 && !(await done()); wait++) await sleep(50);
    };
    const early = tell().server(HOUR_MS / 1000, { type: 'challenge.replayed' });

    it('is not even published where the schema of the topic refuses it', async () => {
      await expect(publisher.publish('events', early)).rejects.toBeInstanceOf(UpstreamError);
      await expect(publisher.publish('events', {})).rejects.toBeInstanceOf(UpstreamError);
    });

    it('ends in the dead letters with its cause, stays there while it is poison, and is replayed after', async () => {
      await publisher.publish('events', { ...eventMessage(early), type: 'grant.stolen' });
      await publisher.publish('events', eventMessage(early));
      await until(() => causes.length >= 2);
      expect([...causes].sort()).toEqual(['from_the_future', 'not_an_event']);
      expect(await documents.get('risk/user_k1_alice')).toBeUndefined();

      now = new Date(STORY_START + HOUR_MS);
      expect(await replay()).toEqual({ replayed: 1, stillPoison: 1 });
      await until(async () => (await documents.get('risk/user_k1_alice')) !== undefined);
      expect(await documents.get('risk/user_k1_alice')).toBeDefined();
    }, 60_000);
  });
}
