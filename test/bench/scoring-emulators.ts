/** Scoring on Google's emulators: through Pub/Sub's push into the function, with Firestore behind it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { firestoreDocuments } from '../../functions/cloud/firestore.ts';
import { pubsubPublisher } from '../../functions/cloud/pubsub.ts';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { eventMessage } from '../../functions/fraud/event-message.ts';
import type { FraudEvent } from '../../functions/fraud/events.ts';
import type { EventHandler } from '../../functions/workers/event-handler.ts';
import { createScoreHandler } from '../../functions/workers/score.ts';
import { findEmulators, startEmulators } from '../stack/emulators.ts';
import { listenOnLoopback } from '../stack/ports.ts';
import { createProcessGroup } from '../stack/process-group.ts';
import { createTopics, pushTo } from '../stack/topics.ts';
import type { Figure } from '../support/figure.ts';

const EVENTS = 400;
const projectId = 'bench';
const topics = {
  events: 'events',
  decisions: 'decisions',
  orders: 'orders',
  'dead-letters': 'dead-letters',
};

/** No figures where there are no emulators. */
export async function scoringOnEmulators(all: readonly FraudEvent[]): Promise<Figure[]> {
  const search = await findEmulators(process.env);
  if ('missing' in search) return [];
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  const events = all.slice(0, EVENTS);
  const logFolder = mkdtempSync(join(tmpdir(), 'modelseal-bench-'));
  const processes = createProcessGroup();
  const { hosts, ready } = await startEmulators({
    installation: search.found,
    processes,
    running: {},
    logFolder,
  });
  await ready;
  const service = { endpoint: `http://${hosts.pubsub}`, projectId };
  const documents = firestoreDocuments({
    projectId,
    endpoint: `http://${hosts.firestore}`,
    timeoutMs: 30_000,
  });
  const publisher = pubsubPublisher({ ...service, topics, timeoutMs: 30_000 });
  try {
    await createTopics({ ...service, topics: Object.values(topics) });
    const score = createScoreHandler({
      documents,
      publisher,
      rules: DEFAULT_RULES,
      now: () => new Date('2028-01-01'),
      log: () => undefined,
    });
    const deliver = (handle: EventHandler) =>
      secondsUntilHandled(service, publisher, events, handle);
    // The first run warms everything up, and shows what delivery alone takes.
    const deliverySeconds = await deliver(async () => undefined);
    const scoringSeconds = await deliver(score);
    const note = `${events.length} simulated events pushed by the Pub/Sub emulator into one process`;
    return [
      {
        name: 'score.emulators',
        value: events.length / scoringSeconds,
        unit: 'events/s',
        note: `${note}, the Firestore emulator behind it: its transactions bound it, which wait for each other where events share a subject`,
      },
      {
        name: 'score.emulators.delivery',
        value: events.length / deliverySeconds,
        unit: 'events/s',
        note: `${note} that does nothing with them`,
      },
    ];
  } finally {
    await publisher.close();
    await documents.close();
    await processes.stop();
    rmSync(logFolder, { recursive: true });
  }
}

/** From the first publication until the last event was handled well. */
async function secondsUntilHandled(
  service: { readonly endpoint: string; readonly projectId: string },
  publisher: ReturnType<typeof pubsubPublisher>,
  events: readonly FraudEvent[],
  handle: EventHandler,
): Promise<number> {
  const handled = new Set<unknown>();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const data = (await json(request)) as { message: { messageId: string } };
    const ok = await handle({ id: data.message.messageId, type: 't', source: 's', data }).then(
      () => true,
      () => false,
    );
    response.writeHead(ok ? 204 : 500).end();
    if (ok) handled.add(data.message.messageId);
    if (handled.size >= events.length) resolve();
  });
  const target = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  await pushTo({
    ...service,
    topic: 'events',
    subscription: 'score',
    target,
    deadLetterTopic: 'dead-letters',
  });
  const startedAt = performance.now();
  for (const event of events) void publisher.publish('events', eventMessage(event));
  await done;
  const seconds = (performance.now() - startedAt) / 1000;
  server.closeAllConnections();
  server.close();
  return seconds;
}
