import type { ModelStorage } from '../../sdk/typescript/opening/model-storage.ts';
import { serialised } from '../../sdk/typescript/serialised.ts';

/** Files of a phone in memory. `beforeWrite` may throw, as a full disk does. */
export function memoryStorage(
  beforeWrite: (bytes: number) => void = () => undefined,
): ModelStorage & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  const lockSpace = crypto.randomUUID();
  return {
    files,
    read: async (name, offset, length) => files.get(name)?.slice(offset, offset + length) ?? null,
    async writeAt(name, offset, bytes) {
      beforeWrite(offset + bytes.byteLength);
      const old = files.get(name) ?? new Uint8Array(0);
      const next = new Uint8Array(Math.max(old.byteLength, offset + bytes.byteLength));
      next.set(old);
      next.set(bytes, offset);
      files.set(name, next);
    },
    async replace(name, bytes) {
      beforeWrite(bytes.byteLength);
      files.set(name, bytes.slice());
    },
    async rename(from, to) {
      const file = files.get(from);
      if (!file) throw new Error('ENOENT');
      files.delete(from);
      files.set(to, file);
    },
    sizeBytes: async (name) => files.get(name)?.byteLength ?? null,
    delete: async (name) => void files.delete(name),
    list: async () => [...files.keys()],
    freeBytes: async () => null,
    withLock: (name, work) => serialised(`${lockSpace} ${name}`, work),
  };
}
