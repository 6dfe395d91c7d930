import type { PubSub, Topic } from '@google-cloud/pubsub';
import { callUpstream } from './deadline.ts';
import type { EventPublisher, TopicName } from './event-publisher.ts';
import { lazy } from './lazy.ts';

export interface PubsubOptions {
  readonly projectId: string;
  /** Topic ids. */
  readonly topics: Readonly<Record<TopicName, string>>;
  /** Another service than Google's, such as `http://127.0.0.1:8085`; `http:` means without TLS and credentials. */
  readonly endpoint?: string;
  /** For one message; 5,000 where absent. */
  readonly timeoutMs?: number;
}

/** The publisher on Cloud Pub/Sub; its client is loaded on first use. */
export function pubsubPublisher(
  options: PubsubOptions,
): EventPublisher & { close(): Promise<void> } {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const client = lazy(() => connect(options));
  const topics = new Map<TopicName, Topic>();

  return {
    publish: async (name, data, attributes = {}) => {
      const message = { data: Buffer.from(JSON.stringify(data)), attributes: { ...attributes } };
      await callUpstream({ service: 'pubsub', operation: 'publish', timeoutMs }, async () => {
        const pubsub = await client.get();
        const topic = topics.get(name) ?? openTopic(pubsub, options.topics[name], timeoutMs);
        topics.set(name, topic);
        await topic.publishMessage(message);
      });
    },
    close: async () => {
      const pubsub = await client.current();
      await Promise.all([...topics.values()].map((topic) => topic.flush()));
      await pubsub?.close();
    },
  };
}

async function connect({ projectId, endpoint }: PubsubOptions): Promise<PubSub> {
  const { PubSub } = await import('@google-cloud/pubsub');
  if (endpoint === undefined) return new PubSub({ projectId });
  // The client takes any host but Google's for an emulator without TLS unless told otherwise.
  const emulatorMode = new URL(endpoint).protocol === 'http:';
  return new PubSub({ projectId, apiEndpoint: endpoint, emulatorMode });
}

function openTopic(pubsub: PubSub, id: string, timeoutMs: number): Topic {
  return pubsub.topic(id, {
    // A batch would wait in memory for more messages, and an instance's CPU sleeps between requests.
    batching: { maxMessages: 1 },
    gaxOpts: { timeout: timeoutMs },
  });
}
