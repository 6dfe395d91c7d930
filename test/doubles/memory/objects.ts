import {
  ObjectExistsError,
  type ObjectInfo,
  ObjectMissingError,
  type ObjectStore,
} from '../../../functions/cloud/objects.ts';

interface Stored {
  readonly info: ObjectInfo;
  readonly bytes: Uint8Array;
}

export interface MemoryObjectsOptions {
  /** The clock of `createdAt`. */
  readonly now?: () => Date;
}

/** The object store in memory. */
export function memoryObjects({ now = () => new Date() }: MemoryObjectsOptions = {}): ObjectStore {
  const objects = new Map<string, Stored>();
  const keyOf = (bucket: string, name: string): string => `${bucket}/${name}`;
  let newest = 0;
  const find = (bucket: string, name: string, generation?: string): Stored | undefined => {
    const stored = objects.get(keyOf(bucket, name));
    return generation === undefined || generation === stored?.info.generation ? stored : undefined;
  };

  return {
    async *read(bucket, name, range, generation) {
      if (range && range.start >= range.end) return;
      const stored = find(bucket, name, generation);
      if (!stored) throw new ObjectMissingError(bucket, name);
      const bytes = range ? stored.bytes.subarray(range.start, range.end) : stored.bytes;
      for (let at = 0; at < bytes.length; at += 64 * 1024) {
        yield bytes.slice(at, at + 64 * 1024);
      }
    },

    write: async (bucket, name, body, options = {}) => {
      const chunks: Uint8Array[] = [];
      options.signal?.throwIfAborted();
      for await (const chunk of body) {
        options.signal?.throwIfAborted();
        chunks.push(chunk.slice());
      }
      options.signal?.throwIfAborted();
      if (options.ifAbsent && objects.has(keyOf(bucket, name))) {
        throw new ObjectExistsError(bucket, name);
      }
      const bytes = new Uint8Array(Buffer.concat(chunks));
      const info: ObjectInfo = {
        name,
        sizeBytes: bytes.length,
        createdAt: now(),
        generation: String(++newest),
        metadata: { ...options.metadata },
      };
      objects.set(keyOf(bucket, name), { info, bytes });
      return info;
    },

    stat: async (bucket, name) => objects.get(keyOf(bucket, name))?.info,
    delete: async (bucket, name, generation) =>
      find(bucket, name, generation) !== undefined && objects.delete(keyOf(bucket, name)),

    deleteTogether: async (bucket, names) =>
      names.map((name) => (objects.delete(keyOf(bucket, name)) ? 'deleted' : 'absent')),

    async *list(bucket, prefix) {
      const start = keyOf(bucket, prefix);
      const names = [...objects.keys()].filter((key) => key.startsWith(start)).sort();
      for (const key of names) {
        const stored = objects.get(key);
        if (stored) yield stored.info;
      }
    },
  };
}
