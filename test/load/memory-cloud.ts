/** The cloud of a load run in memory: what is left is our own work. */
import type { ObjectStore } from '../../functions/cloud/objects.ts';
import type { CloudClients } from '../../functions/services.ts';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { memoryKeys } from '../doubles/memory/keys.ts';
import { memoryObjects } from '../doubles/memory/objects.ts';
import { memoryPublisher } from '../doubles/memory/publisher.ts';

export interface MemoryCloud extends CloudClients {
  /** Bytes of all sealed objects so far. */
  sealedBytes(): number;
}

/** Takes every byte of a sealed object, counts it and keeps none: a run would fill the memory. */
export function memoryCloud(sealedBucket: string): MemoryCloud {
  const objects = memoryObjects();
  let sealedBytes = 0;
  const write: ObjectStore['write'] = async (bucket, name, body, options = {}) => {
    if (bucket !== sealedBucket) return objects.write(bucket, name, body, options);
    let sizeBytes = 0;
    for await (const chunk of body) {
      options.signal?.throwIfAborted();
      sizeBytes += chunk.byteLength;
    }
    sealedBytes += sizeBytes;
    return { name, sizeBytes, createdAt: new Date(), generation: '1', metadata: {} };
  };
  return {
    documents: memoryDocuments(),
    objects: { ...objects, write },
    keys: memoryKeys(),
    publisher: memoryPublisher(),
    sealedBytes: () => sealedBytes,
  };
}
