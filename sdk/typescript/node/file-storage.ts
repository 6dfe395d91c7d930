import { randomUUID } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ModelStorage } from '../opening/model-storage.ts';
import { serialised } from '../serialised.ts';

const LOCK_POLL_MS = 50;

/** Storage in one directory, which is made when first written to. */
export function fileStorage(directory: string): ModelStorage {
  const path = (name: string) => join(directory, name);
  const makeDirectory = () => mkdir(directory, { recursive: true, mode: 0o700 });
  return {
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
    async writeAt(name, offset, bytes) {
      await makeDirectory();
      const there = await orNull(open(path(name), 'r+'));
      const file = there ?? (await open(path(name), 'w+', 0o600));
      try {
        await roomFor(file.write(bytes, 0, bytes.byteLength, offset));
      } finally {
        await file.close();
      }
    },
    async replace(name, bytes) {
      await makeDirectory();
      const partial = path(`.${randomUUID()}`);
      try {
        await roomFor(writeFile(partial, bytes, { mode: 0o600, flush: true }));
        await rename(partial, path(name));
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    rename: (from, to) => rename(path(from), path(to)),
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
    async freeBytes() {
      for (let folder = resolve(directory); ; folder = dirname(folder)) {
        const found = await orNull(statfs(folder));
        if (found) return found.bavail * found.bsize;
      }
    },
    withLock: (name, work) =>
      serialised(`${resolve(directory)} ${name}`, async () => {
        await makeDirectory();
        const lock = path(`.lock-${name}`);
        await takeLock(lock);
        try {
          return await work();
        } finally {
          await rm(lock, { force: true });
        }
      }),
  };
}

/** A file that names its process: one that was killed holds up nobody. */
async function takeLock(path: string): Promise<void> {
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number(await orNull(readFile(path, 'utf8')));
    if (holder > 0 && !isRunning(holder)) await rm(path, { force: true });
    else await new Promise((done) => setTimeout(done, LOCK_POLL_MS));
  }
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Throws SealError `storage-full` where the disk is. */
async function roomFor<T>(writing: Promise<T>): Promise<T> {
  return writing.catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOSPC' ? new SealError('storage-full', undefined, { cause }) : cause;
  });
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
