/** Model files in the app's private folder, through the module @dr.pogodin/react-native-fs. */
import type { ModelStorage } from '../opening/model-storage.ts';
import { fromBase64, toBase64 } from './base64.ts';

/** What is used of the module `@dr.pogodin/react-native-fs`, version 2. */
export interface FileSystem {
  exists(path: string): Promise<boolean>;
  mkdir(path: string, options: { readonly NSURLIsExcludedFromBackupKey: boolean }): Promise<void>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ readonly size: number }>;
  read(path: string, length: number, position: number, encoding: 'base64'): Promise<string>;
  writeFile(path: string, content: string, encoding: 'base64'): Promise<void>;
  appendFile(path: string, content: string, encoding: 'base64'): Promise<void>;
  moveFile(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

const PARTIAL = '.partial-';

/**
 * Storage in one folder, such as `${DocumentDirectoryPath}/modelseal`, which is made when first
 * written to and left out of backups: a copy opens on no other phone. What a killed app left half
 * written is deleted by the next write of that name.
 */
export function fileSystemStorage(fs: FileSystem, directory: string): ModelStorage {
  const path = (name: string) => `${directory}/${name}`;
  const remove = async (name: string) => {
    if (await fs.exists(path(name))) await fs.unlink(path(name));
  };
  const sizeBytes = async (name: string) =>
    (await fs.exists(path(name))) ? (await fs.stat(path(name))).size : null;

  return {
    sizeBytes,
    delete: remove,

    async write(name, bytes) {
      await fs.mkdir(directory, { NSURLIsExcludedFromBackupKey: true });
      const partial = `${PARTIAL}${name}`;
      try {
        await fs.writeFile(path(partial), '', 'base64');
        for await (const part of bytes) {
          await fs.appendFile(path(partial), toBase64(part), 'base64');
        }
        // Neither platform moves onto a file that is there.
        await remove(name);
        await fs.moveFile(path(partial), path(name));
      } catch (error) {
        await remove(partial);
        throw error;
      }
    },

    async read(name, offset, length) {
      const size = await sizeBytes(name);
      if (size === null) return null;
      const wanted = Math.min(length, size - offset);
      if (wanted <= 0) return new Uint8Array(0);
      return fromBase64(await fs.read(path(name), wanted, offset, 'base64'));
    },

    async list() {
      if (!(await fs.exists(directory))) return [];
      return (await fs.readdir(directory)).filter((name) => !name.startsWith(PARTIAL));
    },
  };
}
