import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelStorage } from '../opening/model-storage.ts';

/**
 * Storage in one directory, which is made when first written to.
 *
 * @param directory Its files are for this user of the machine only (mode 0600).
 */
export function fileStorage(directory: string): ModelStorage {
  const path = (name: string) => join(directory, name);
  return {
    async write(name, bytes) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const partial = path(`.${randomUUID()}`);
      try {
        await writeFile(partial, bytes, { mode: 0o600, flush: true });
        await rename(partial, path(name));
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    async read(name, offset, length) {
      const file = await orNull(open(path(name)));
      if (!file) return null;
      try {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await file.read(bytes, 0, length, offset);
        return bytes.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    },
    async sizeBytes(name) {
      return (await orNull(stat(path(name))))?.size ?? null;
    },
    async delete(name) {
      await rm(path(name), { force: true });
    },
    async list() {
      const names = (await orNull(readdir(directory))) ?? [];
      return names.filter((name) => !name.startsWith('.'));
    },
  };
}

/** Null where there is no such file; every other error passes. */
async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
