import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { utf8 } from '../../../functions/protocol/bytes.ts';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { fileStorage } from '../node/file-storage.ts';
import { CopyFiles } from './copy-files.ts';
import type { ModelStorage } from './model-storage.ts';

const root = await mkdtemp(join(tmpdir(), 'modelseal-files-'));
afterAll(() => rm(root, { recursive: true, force: true }));

it.each(['longer', 'shorter'])(
  'R4 a file that another process replaces by a %s one while it is read is read whole',
  async (next) => {
    const storage = fileStorage(root);
    await storage.replace('record', utf8('a longish record'));
    const content =
      next === 'shorter' ? 'short' : 'a record that is much longer than the one before';
    const replacing: ModelStorage = {
      ...storage,
      async sizeBytes(name) {
        const size = await storage.sizeBytes(name);
        await storage.replace(name, utf8(content));
        return size;
      },
    };
    const files = new CopyFiles(nodeCrypto, replacing, 'ann');
    expect(await files.readAll('record')).toEqual(utf8(content));
  },
);

it('R26 a lock that cannot be taken is typed, and what the work throws is as it was', async () => {
  const storage = fileStorage(join(root, 'locks'));
  const files = new CopyFiles(nodeCrypto, storage, 'ann');
  const failing = new TypeError('of the work');
  await expect(files.locked('x', () => Promise.reject(failing))).rejects.toBe(failing);
  const withLock = () => Promise.reject(new Error('EACCES'));
  const without = new CopyFiles(nodeCrypto, { ...storage, withLock }, 'ann');
  await expect(without.lockedModel('smile', async () => 1)).rejects.toMatchObject({
    code: 'storage-unavailable',
  });
});
