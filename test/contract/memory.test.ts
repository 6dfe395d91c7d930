import { describe } from '@jest/globals';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { memoryKeys } from '../doubles/memory/keys.ts';
import { memoryObjects } from '../doubles/memory/objects.ts';
import { memoryPublisher } from '../doubles/memory/publisher.ts';
import { documentStoreContract } from './documents.contract.ts';
import { keyServiceContract } from './keys.contract.ts';
import { objectStoreContract } from './objects.contract.ts';
import { publisherContract, type ReceivedMessage } from './publisher.contract.ts';

describe('documents in memory', () => {
  documentStoreContract(memoryDocuments);
});

describe('keys in memory', () => {
  keyServiceContract(memoryKeys);
});

describe('objects in memory', () => {
  objectStoreContract(() => memoryObjects());
});

describe('publisher in memory', () => {
  publisherContract(() => {
    const publisher = memoryPublisher();
    const received = new Map<string, ReceivedMessage[]>();
    for (const topic of ['events', 'decisions', 'orders', 'dead-letters'] as const) {
      received.set(topic, []);
      publisher.subscribe(topic, async ({ data, attributes }) => {
        received.get(topic)?.push({ data, attributes });
      });
    }
    return {
      publisher,
      receive: async (topic, count) => {
        await publisher.idle();
        return received.get(topic)?.splice(0, count) ?? [];
      },
    };
  });
});
