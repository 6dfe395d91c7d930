/** Publishing to a topic: Pub/Sub, and an in-memory double in tests and on machines without the emulator. */
export type TopicName = 'events' | 'decisions' | 'orders' | 'dead-letters';

export interface EventPublisher {
  /** Resolves when the service has taken the message. `attributes` are short strings for filters. */
  publish(
    topic: TopicName,
    data: unknown,
    attributes?: Readonly<Record<string, string>>,
  ): Promise<void>;
}
