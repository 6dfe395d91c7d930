import { randomUUID } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ModelStorage } from '../opening/model-storage.ts';
import { serialised } from '../serialised.ts';

const LOCK_POLL_MS = 50;
const PARTIAL = '.partial-';
/** Longer than a file takes to be written, or a lock to be broken. */
const ABANDONED_MS = 60 * 60_000;

/**
 * Storage in one directory, which is made when first written to. What a killed process left half written
 * is deleted an hour later, as the directory is listed.
 */
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
      const partial = path(`${PARTIAL}${randomUUID()}`);
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
      for (const name of names) {
        if (name.startsWith(PARTIAL) && (await isAbandoned(path(name)))) {
          await rm(path(name), { force: true });
        }
      }
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
    const isBroken = (await isOfTheDead(path)) && (await breakLock(path));
    if (!isBroken) await new Promise((done) => setTimeout(done, LOCK_POLL_MS));
  }
}

/** One waiting process at a time breaks a lock: the next would break that of who has just taken it. */
async function breakLock(path: string): Promise<boolean> {
  const breaking = `${path}.breaking`;
  try {
    await mkdir(breaking);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (await isAbandoned(breaking)) await orNull(rmdir(breaking));
    return false;
  }
  try {
    if (await isOfTheDead(path)) await rm(path, { force: true });
  } finally {
    await rmdir(breaking);
  }
  return true;
}

async function isOfTheDead(lock: string): Promise<boolean> {
  const holder = Number(await orNull(readFile(lock, 'utf8')));
  return holder > 0 && !isRunning(holder);
}

async function isAbandoned(path: string): Promise<boolean> {
  const found = await orNull(stat(path));
  return found !== null && Date.now() - found.mtimeMs > ABANDONED_MS;
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
