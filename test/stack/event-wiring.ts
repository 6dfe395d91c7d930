import { FUNCTIONS } from '../../functions/registry.ts';
import type { DeliveredMessage, MemoryPublisher } from '../doubles/memory/publisher.ts';
import type { GcsServer } from '../doubles/storage/gcs-server.ts';
import type { FunctionHost } from './function-host.ts';
import { BUCKETS, PROJECT_ID, TOPICS } from './local-environment.ts';
import { createTopics, holdMessagesOf, pushTo } from './topics.ts';

export interface WiringOptions {
  readonly host: FunctionHost;
  readonly storage: GcsServer;
  /** The Pub/Sub emulator's `host:port`, or the double that stands for it. */
  readonly pubsub: string | MemoryPublisher;
  /** Functions that no event reaches. */
  readonly without?: readonly string[];
}

export interface EventWiring {
  /** Calls a scheduled function now; the result is the HTTP status of its answer. */
  runScheduled(name: string): Promise<number>;
  stop(): void;
}

/** How far apart the runs of each schedule lie. */
const INTERVALS_MS: Readonly<Record<string, number>> = {
  '* * * * *': 60_000,
  '*/5 * * * *': 300_000,
  '*/30 * * * *': 1_800_000,
  '0 * * * *': 3_600_000,
};

/** Lets events reach the functions that they trigger: bucket, topic and schedule, by the function table. */
export async function wireEvents({
  host,
  storage,
  pubsub,
  without = [],
}: WiringOptions): Promise<EventWiring> {
  const urlOf = (name: string): string => `http://127.0.0.1:${host.ports.get(name)}`;
  const timers: NodeJS.Timeout[] = [];
  if (typeof pubsub === 'string') {
    const service = { endpoint: `http://${pubsub}`, projectId: PROJECT_ID };
    await createTopics({ ...service, topics: TOPICS });
    await holdMessagesOf({ ...service, topic: 'dead-letters' });
  }

  const runScheduled = async (name: string): Promise<number> => {
    const trigger = FUNCTIONS.find((entry) => entry.name === name)?.trigger;
    if (trigger?.kind !== 'schedule') throw new Error(`${name} is not a scheduled function`);
    const response = await fetch(`${urlOf(name)}${trigger.path}`, { method: 'POST' });
    await response.body?.cancel();
    return response.status;
  };

  for (const { name, trigger } of FUNCTIONS.filter((entry) => !without.includes(entry.name))) {
    const target = urlOf(name);
    switch (trigger.kind) {
      case 'http':
        break;
      case 'schedule': {
        const intervalMs = INTERVALS_MS[trigger.cron];
        if (intervalMs === undefined) throw new Error(`no clock for ${trigger.cron}`);
        const timer = setInterval(() => void runScheduled(name).catch(() => undefined), intervalMs);
        timers.push(timer.unref());
        break;
      }
      case 'event':
        if (trigger.source === 'intake') {
          storage.notify({ bucket: BUCKETS.intake, url: target });
        } else if (typeof pubsub === 'string') {
          await pushTo({
            endpoint: `http://${pubsub}`,
            projectId: PROJECT_ID,
            topic: trigger.source,
            subscription: name,
            target,
            deadLetterTopic: 'dead-letters',
          });
        } else {
          pubsub.subscribe(trigger.source, (message) => push(message, trigger.source, target));
        }
    }
  }
  return { runScheduled, stop: () => timers.forEach(clearInterval) };
}

/** Pub/Sub's push request (https://cloud.google.com/pubsub/docs/push#receive_push); rejects where it is not taken. */
async function push(message: DeliveredMessage, topic: string, target: string): Promise<void> {
  const { messageId, publishTime, data, attributes } = message;
  const response = await fetch(`${target}/projects/${PROJECT_ID}/topics/${topic}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      subscription: `projects/${PROJECT_ID}/subscriptions/local`,
      message: {
        messageId,
        publishTime: publishTime.toISOString(),
        data: Buffer.from(JSON.stringify(data)).toString('base64'),
        attributes,
      },
    }),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
}
