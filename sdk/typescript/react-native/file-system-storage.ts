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
/** Written, and not in its place yet. */
const WHOLE = '.whole-';

/**
 * Storage in one folder, such as `${DocumentDirectoryPath}/modelseal`, which is made when first
 * written to and left out of backups: a copy opens on no other phone. Of an app that was killed while it
 * replaced a file the old one or the new one is there; what it left half written is deleted by the next
 * write of that name. Locks hold within this process: an app in React Native has one.
 */
export function fileSystemStorage(fs: FileSystem, directory: string): ModelStorage {
  const path = (name: string) => `${directory}/${name}`;
  const makeDirectory = () => fs.mkdir(directory, { NSURLIsExcludedFromBackupKey: true });
  const remove = async (name: string) => {
    if (await fs.exists(path(name))) await fs.unlink(path(name));
  };
  /** Neither platform moves onto a file that is there: until the new one lies in its place, it waits beside. */
  const settle = async (name: string) => {
    if (!(await fs.exists(path(`${WHOLE}${name}`)))) return;
    await remove(name);
    await fs.moveFile(path(`${WHOLE}${name}`), path(name));
  };
  /** One at a time works on a file, and on none between two places. */
  const settled = <T>(name: string, work: () => Promise<T>) =>
    serialised(path(name), async () => {
      await settle(name);
      return work();
    });
  const sizeBytes = async (name: string) =>
    (await fs.exists(path(name))) ? (await fs.stat(path(name))).size : null;

  return {
    sizeBytes: (name) => settled(name, () => sizeBytes(name)),
    delete: (name) => settled(name, () => remove(name)),

    rename: (from, to) =>
      settled(to, () =>
        settled(from, async () => {
          await remove(to);
          await fs.moveFile(path(from), path(to));
        }),
      ),

    read: (name, offset, length) =>
      settled(name, async () => {
        const size = await sizeBytes(name);
        if (size === null) return null;
        const wanted = Math.min(length, size - offset);
        if (wanted <= 0) return new Uint8Array(0);
        return fromBase64(await fs.read(path(name), wanted, offset, 'base64'));
      }),

    writeAt: (name, offset, bytes) =>
      settled(name, async () => {
        await makeDirectory();
        if ((await sizeBytes(name)) === null) await fs.writeFile(path(name), '', 'base64');
        await roomFor(fs.write(path(name), toBase64(bytes), offset, 'base64'));
      }),

    replace: (name, bytes) =>
      settled(name, async () => {
        await makeDirectory();
        const partial = `${PARTIAL}${name}`;
        try {
          await roomFor(fs.writeFile(path(partial), toBase64(bytes), 'base64'));
          await fs.moveFile(path(partial), path(`${WHOLE}${name}`));
        } catch (error) {
          await remove(partial);
          throw error;
        }
        await settle(name);
      }),

    async list() {
      if (!(await fs.exists(directory))) return [];
      const names = (await fs.readdir(directory)).filter((name) => !name.startsWith(PARTIAL));
      return [...new Set(names.map((name) => name.replace(WHOLE, '')))];
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
