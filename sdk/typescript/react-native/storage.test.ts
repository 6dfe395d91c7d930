import * as fs from 'node:fs/promises';
import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fileStorage } from '../node/file-storage.ts';
import type { ModelStorage } from '../opening/model-storage.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { type FileSystem, fileSystemStorage } from './file-system-storage.ts';
import { keychainEnrolments } from './keychain-enrolments.ts';
import type { Keychain } from './keychain-key.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'modelseal-rn-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** The native module's calls on this machine's files; as on a phone, nothing is moved onto a file. */
const native: FileSystem = {
  exists: (path) =>
    stat(path).then(
      () => true,
      () => false,
    ),
  mkdir: async (path) => void (await fs.mkdir(path, { recursive: true })),
  readdir: (path) => readdir(path),
  stat: (path) => stat(path),
  async read(path, length, position) {
    return (await readFile(path)).subarray(position, position + length).toString('base64');
  },
  writeFile: (path, content) => fs.writeFile(path, content, 'base64'),
  async write(path, content, position) {
    const file = await fs.open(path, 'r+');
    await file.write(Buffer.from(content, 'base64'), 0, undefined, position);
    await file.close();
  },
  getFSInfo: async () => ({ freeSpace: 1e9 }),
  async moveFile(from, to) {
    if (await native.exists(to)) throw new Error('EEXIST');
    await rename(from, to);
  },
  unlink: (path) => fs.unlink(path),
};

describe.each<[string, () => ModelStorage]>([
  ['fileStorage', () => fileStorage(join(root, 'models'))],
  ['fileSystemStorage', () => fileSystemStorage(native, join(root, 'models'))],
])('%s', (_, open) => {
  it('keeps bytes as they are, however they are cut', async () => {
    const storage = open();
    const cuts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.nat(700), fc.nat(700), async (all, offset, length) => {
        const whole = Buffer.concat(all);
        await storage.delete('model');
        await storage.writeAt('model', 0, new Uint8Array(0));
        let at = 0;
        for (const part of all) {
          await storage.writeAt('model', at, part);
          at += part.byteLength;
        }
        expect(await storage.sizeBytes('model')).toBe(whole.byteLength);
        const read = await storage.read('model', offset, length);
        expect(Buffer.from(read ?? [])).toEqual(whole.subarray(offset, offset + length));
      }),
      { numRuns: 30 },
    );
  });

  it('replaces a file as a whole, renames onto others, and writes within', async () => {
    const storage = open();
    await storage.replace('record', Uint8Array.of(1, 2, 3));
    await storage.replace('record', Uint8Array.of(4, 5));
    expect(await storage.read('record', 0, 9)).toEqual(Uint8Array.of(4, 5));
    await storage.writeAt('record', 1, Uint8Array.of(6, 7));
    await storage.replace('other', Uint8Array.of(8));
    await storage.rename('record', 'other');
    expect(await storage.read('other', 0, 9)).toEqual(Uint8Array.of(4, 6, 7));
    expect(await readdir(join(root, 'models'))).toEqual(['other']);
    expect(await storage.freeBytes()).toBeGreaterThan(0);
  });

  it('lets one in at a time, and two writers of one file never mix', async () => {
    const [one, other] = [open(), open()];
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} in`);
      await new Promise((done) => setTimeout(done, 5));
      order.push(`${name} out`);
    };
    await Promise.all([one.withLock('x', work('a')), other.withLock('x', work('b'))]);
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out']);
    const whole = [new Uint8Array(5000).fill(1), new Uint8Array(5000).fill(2)];
    await Promise.all(whole.map((bytes) => one.replace('record', bytes)));
    const read = await one.read('record', 0, 5000);
    expect(whole.some((bytes) => Buffer.compare(bytes, read ?? bytes.subarray(1)) === 0)).toBe(
      true,
    );
  });

  it('knows nothing before it was written to, and after it was deleted', async () => {
    const storage = open();
    expect([await storage.list(), await storage.sizeBytes('model')]).toEqual([[], null]);
    await storage.replace('model', Uint8Array.of(1));
    expect(await storage.list()).toEqual(['model']);
    await storage.delete('model');
    await storage.delete('model');
    expect([await storage.list(), await storage.read('model', 0, 1)]).toEqual([[], null]);
  });
});

describe('fileSystemStorage of an app that is killed', () => {
  const [old, next] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7)];
  const directory = () => join(root, 'models');

  /** The module until its app is killed, after this many calls. */
  function killedAfter(calls: number): FileSystem {
    let left = calls;
    return Object.fromEntries(
      Object.entries(native).map(([name, call]) => [
        name,
        async (...args: never[]) => {
          left -= 1;
          if (left < 0) throw new Error('killed');
          return (call as (...args: never[]) => Promise<unknown>)(...args);
        },
      ]),
    ) as unknown as FileSystem;
  }

  it.each(Array.from({ length: 12 }, (_, calls) => calls))(
    'in mid-write, after %i calls, has the old file or the new one',
    async (calls) => {
      await fileSystemStorage(native, directory()).replace('record', old);
      const done = await fileSystemStorage(killedAfter(calls), directory())
        .replace('record', next)
        .then(
          () => true,
          () => false,
        );
      const storage = fileSystemStorage(native, directory());
      const read = await storage.read('record', 0, 9);
      expect([old, next]).toContainEqual(read);
      if (done) expect(read).toEqual(next);
      expect(await storage.list()).toEqual(['record']);
      await storage.replace('record', old);
      expect(await storage.read('record', 0, 9)).toEqual(old);
      await storage.delete('record');
      expect([await storage.list(), await storage.read('record', 0, 9)]).toEqual([[], null]);
      expect(await readdir(directory())).toEqual([]);
    },
  );

  it('is done with a write within so many calls', async () => {
    await fileSystemStorage(killedAfter(11), directory()).replace('record', next);
    expect(await fileSystemStorage(native, directory()).read('record', 0, 9)).toEqual(next);
  });

  it('reads the one or the other while it is replaced', async () => {
    const storage = fileSystemStorage(native, directory());
    await storage.replace('record', old);
    const writing = storage.replace('record', next);
    const read = await Promise.all(Array.from({ length: 20 }, () => storage.read('record', 0, 9)));
    await writing;
    for (const bytes of read) expect([old, next]).toContainEqual(bytes);
  });
});

describe('base64', () => {
  it('is what native code reads and writes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(Buffer.from(fromBase64(`${toBase64(bytes)}\n`))).toEqual(Buffer.from(bytes));
      }),
    );
    expect(() => fromBase64('%')).toThrow(TypeError);
  });
});

describe('keychainEnrolments', () => {
  it('remembers an enrolment, and none where the entry cannot be read', async () => {
    let entry: string | undefined;
    const keychain: Keychain = {
      ACCESSIBLE: { WHEN_UNLOCKED_THIS_DEVICE_ONLY: 'this-device' },
      SECURITY_LEVEL: { SECURE_HARDWARE: 'hardware' },
      getGenericPassword: async () => (entry === undefined ? false : { password: entry }),
      setGenericPassword: async (_, password) => {
        entry = password;
      },
    };
    const enrolments = keychainEnrolments(keychain, 'ann');
    expect(await enrolments.load()).toBeUndefined();
    await enrolments.save({ deviceId: 'd_1', keyHandle: 'key' });
    expect(await enrolments.load()).toEqual({ deviceId: 'd_1', keyHandle: 'key' });
    for (entry of ['', '{', '{"deviceId":1}', 'null']) {
      expect(await enrolments.load()).toBeUndefined();
    }
  });
});
