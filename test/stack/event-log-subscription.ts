/** Brings the messages of a local stack's topics into its event log. */
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { readEventMessage } from '../../functions/fraud/event-message.ts';
import type { MemoryPublisher } from '../doubles/memory/publisher.ts';
import type { EventLog, EventLogFile } from './event-log.ts';
import { PROJECT_ID } from './local-environment.ts';
import { listenOnLoopback } from './ports.ts';
import { pushTo } from './topics.ts';

const TOPICS: readonly EventLogFile[] = ['events', 'decisions'];

/** `pubsub` is the emulator's `host:port`, or the double that stands for it. */
export async function subscribeEventLog(
  pubsub: string | MemoryPublisher,
  log: EventLog,
): Promise<{ stop(): Promise<void> }> {
  // What is no event has nothing to tell an analyst; it is in the dead letters.
  const record = (topic: EventLogFile, message: unknown): void => {
    const line = topic === 'events' ? readEventMessage(message) : message;
    if (line) log.append(topic, line);
  };
  if (typeof pubsub !== 'string') {
    for (const topic of TOPICS) {
      pubsub.subscribe(topic, async ({ data }) => record(topic, data));
    }
    return { stop: async () => undefined };
  }
  const server = createServer(async (request, response) => {
    const { message } = (await json(request)) as { message: { data: string } };
    const topic = TOPICS.find((name) => request.url?.endsWith(`/topics/${name}`));
    if (topic) record(topic, parsed(message.data));
    response.writeHead(204).end();
  });
  const target = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  for (const topic of TOPICS) {
    await pushTo({
      endpoint: `http://${pubsub}`,
      projectId: PROJECT_ID,
      topic,
      subscription: `${topic}-log`,
      target,
      deadLetterTopic: 'dead-letters',
    });
  }
  return {
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function parsed(base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}
