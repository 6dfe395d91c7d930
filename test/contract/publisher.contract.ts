import { expect, it } from '@jest/globals';
import type { EventPublisher, TopicName } from '../../functions/cloud/event-publisher.ts';

export interface ReceivedMessage {
  readonly data: unknown;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface PublisherUnderTest {
  readonly publisher: EventPublisher;
  /** The next `count` messages of the topic, in any order, that were published since the last call. */
  receive(topic: TopicName, count: number): Promise<readonly ReceivedMessage[]>;
}

/** What every publisher does; `open` gives the one under test. */
export function publisherContract(open: () => PublisherUnderTest): void {
  it('delivers data and attributes', async () => {
    const { publisher, receive } = open();
    const data = { text: 'ключ', list: [1, { deep: null }] };
    await publisher.publish('events', data, { type: 'app.start', version: '1' });
    const [message] = await receive('events', 1);
    expect(message).toEqual({ data, attributes: { type: 'app.start', version: '1' } });
  });

  it('keeps topics apart and loses nothing among many', async () => {
    const { publisher, receive } = open();
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all([
      ...numbers.map((n) => publisher.publish('events', { n })),
      publisher.publish('decisions', { verdict: 'block' }),
    ]);
    const got = await receive('events', 50);
    expect(new Set(got.map(({ data }) => (data as { n: number }).n))).toEqual(new Set(numbers));
    expect((await receive('decisions', 1))[0]?.data).toEqual({ verdict: 'block' });
  });

  it('takes a snapshot: a later change of the data is not sent', async () => {
    const { publisher, receive } = open();
    const data = { n: 1 };
    const published = publisher.publish('events', data);
    data.n = 2;
    await published;
    expect((await receive('events', 1))[0]?.data).toEqual({ n: 1 });
  });
}
