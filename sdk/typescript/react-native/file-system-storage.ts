/** Model files in the app's private folder, through the module @dr.pogodin/react-native-fs. */
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ModelStorage } from '../opening/model-storage.ts';
import { serialised } from '../serialised.ts';
import { fromBase64, toBase64 } from './base64.ts';

/** What is used of the module `@dr.pogodin/react-native-fs`, version 2. */
export interface FileSystem {
  exists(path: string): Promise<boolean>;
  mkdir(path: string, options: { readonly NSURLIsExcludedFromBackupKey: boolean }): Promise<void>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ readonly size: number }>;
  read(path: string, length: number, position: number, encoding: 'base64'): Promise<string>;
  writeFile(path: string, content: string, encoding: 'base64'): Promise<void>;
  write(path: string, content: string, position: number, encoding: 'base64'): Promise<void>;
  getFSInfo(): Promise<{ readonly freeSpace: number }>;
  moveFile(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

const PARTIAL = '.partial-';

/**
 * Storage in one folder, such as `${DocumentDirectoryPath}/modelseal`, which is made when first
 * written to and left out of backups: a copy opens on no other phone. What a killed app left half
 * written is deleted by the next write of that name. Locks hold within this process: an app in React
 * Native has one.
 */
export function fileSystemStorage(fs: FileSystem, directory: string): ModelStorage {
  const path = (name: string) => `${directory}/${name}`;
  const makeDirectory = () => fs.mkdir(directory, { NSURLIsExcludedFromBackupKey: true });
  const remove = async (name: string) => {
    if (await fs.exists(path(name))) await fs.unlink(path(name));
  };
  const sizeBytes = async (name: string) =>
    (await fs.exists(path(name))) ? (await fs.stat(path(name))).size : null;
  const rename = async (from: string, to: string) => {
    // Neither platform moves onto a file that is there.
    await remove(to);
    await fs.moveFile(path(from), path(to));
  };

  return {
    sizeBytes,
    delete: remove,
    rename,

    async read(name, offset, length) {
      const size = await sizeBytes(name);
      if (size === null) return null;
      const wanted = Math.min(length, size - offset);
      if (wanted <= 0) return new Uint8Array(0);
      return fromBase64(await fs.read(path(name), wanted, offset, 'base64'));
    },

    async writeAt(name, offset, bytes) {
      await makeDirectory();
      if ((await sizeBytes(name)) === null) await fs.writeFile(path(name), '', 'base64');
      await roomFor(fs.write(path(name), toBase64(bytes), offset, 'base64'));
    },

    replace: (name, bytes) =>
      serialised(path(name), async () => {
        await makeDirectory();
        const partial = `${PARTIAL}${name}`;
        try {
          await roomFor(fs.writeFile(path(partial), toBase64(bytes), 'base64'));
          await rename(partial, name);
        } catch (error) {
          await remove(partial);
          throw error;
        }
      }),

    async list() {
      if (!(await fs.exists(directory))) return [];
      return (await fs.readdir(directory)).filter((name) => !name.startsWith(PARTIAL));
    },

    async freeBytes() {
      return (await fs.getFSInfo()).freeSpace;
    },

    withLock: (name, work) => serialised(`${directory} ${name}`, work),
  };
}

/** Throws SealError `storage-full` where the disk is, by what both systems say of it. */
async function roomFor<T>(writing: Promise<T>): Promise<T> {
  return writing.catch((cause: { readonly message?: unknown }) => {
    const isFull = /ENOSPC|no space left|out of space|not enough space/i.test(`${cause?.message}`);
    throw isFull ? new SealError('storage-full', undefined, { cause }) : cause;
  });
}
