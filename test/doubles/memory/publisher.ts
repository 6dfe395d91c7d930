import { randomUUID } from 'node:crypto';
import type { EventPublisher, TopicName } from '../../../functions/cloud/event-publisher.ts';

/** A message as subscribers get it. */
export interface DeliveredMessage {
  readonly messageId: string;
  readonly publishTime: Date;
  readonly data: unknown;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface MemoryPublisherOptions {
  /** How often a message is tried before it goes to `dead-letters`; 5 where absent, as in infra/. */
  readonly maxDeliveryAttempts?: number;
  /** The wait before the second delivery; it doubles with each further one. 100 where absent. */
  readonly backoffMs?: number;
}

export interface MemoryPublisher extends EventPublisher {
  /** Delivers each message published from now on, again while `receive` rejects. */
  subscribe(topic: TopicName, receive: (message: DeliveredMessage) => Promise<void>): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** Pub/Sub's push delivery in memory: at least once, in no order, dead letters at the end. */
export function memoryPublisher(options: MemoryPublisherOptions = {}): MemoryPublisher {
  const { maxDeliveryAttempts = 5, backoffMs = 100 } = options;
  const subscribers = new Map<TopicName, ((message: DeliveredMessage) => Promise<void>)[]>();
  const underWay = new Set<Promise<void>>();

  const send = (topic: TopicName, message: DeliveredMessage): void => {
    for (const receive of subscribers.get(topic) ?? []) {
      const delivery = deliver(topic, message, receive).finally(() => underWay.delete(delivery));
      underWay.add(delivery);
    }
  };

  const deliver = async (
    topic: TopicName,
    message: DeliveredMessage,
    receive: (message: DeliveredMessage) => Promise<void>,
  ): Promise<void> => {
    for (let attempt = 0; attempt < maxDeliveryAttempts; attempt++) {
      const waitMs = attempt === 0 ? 0 : backoffMs * 2 ** (attempt - 1);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      try {
        await receive(structuredClone(message));
        return;
      } catch {
        // Not acknowledged: it comes again.
      }
    }
    if (topic !== 'dead-letters') send('dead-letters', message);
  };

  return {
    publish: async (topic, data, attributes = {}) => {
      send(topic, {
        messageId: randomUUID(),
        publishTime: new Date(),
        data: JSON.parse(JSON.stringify(data)) as unknown,
        attributes: { ...attributes },
      });
    },
    subscribe: (topic, receive) => {
      subscribers.set(topic, [...(subscribers.get(topic) ?? []), receive]);
    },
    idle: async () => {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
