/** The rules of the database deny everything: as they read, and in Google's emulator where there is one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findEmulators } from '../test/stack/emulators.ts';
import { startFirestoreUnderRules } from '../test/stack/firestore-under-rules.ts';
import { createProcessGroup } from '../test/stack/process-group.ts';

const RULES = join(import.meta.dirname, 'firestore.rules');

it('the rules match everything and allow nothing', async () => {
  const text = await readFile(RULES, 'utf8');
  expect(text.match(/\ballow\b[^;]*;/g)).toEqual(['allow read, write: if false;']);
  expect(text).toContain('match /{document=**}');
});

it('firestore.indexes.json says what Terraform says', async () => {
  const { indexes, fieldOverrides } = JSON.parse(
    await readFile(join(import.meta.dirname, 'firestore.indexes.json'), 'utf8'),
  ) as {
    indexes: [];
    fieldOverrides: { collectionGroup: string; fieldPath: string; ttl?: true }[];
  };
  const terraform = await readFile(join(import.meta.dirname, 'firestore.tf'), 'utf8');
  const [expiry = '', unindexed = ''] = [...terraform.matchAll(/toset\(\[([^\]]*)\]\)/g)].map(
    ([, list = '']) => list.replaceAll(/["\s]/g, ''),
  );
  expect(indexes).toEqual([]);
  expect(
    fieldOverrides.filter(({ ttl }) => ttl).map(({ collectionGroup }) => collectionGroup),
  ).toEqual(expiry.split(','));
  expect(
    fieldOverrides
      .filter(({ ttl }) => !ttl)
      .map(({ collectionGroup, fieldPath }) => `${collectionGroup}/${fieldPath}`),
  ).toEqual(unindexed.split(','));
});

const search = await findEmulators(process.env);

if ('found' in search) {
  describe('in the emulator', () => {
    const processes = createProcessGroup();
    const folder = mkdtempSync(join(tmpdir(), 'modelseal-rules-'));
    let documents: string;

    beforeAll(async () => {
      documents = await startFirestoreUnderRules(processes, search.found, { rules: RULES, folder });
    });
    afterAll(async () => {
      await processes.stop();
      rmSync(folder, { recursive: true });
    });

    const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
    /** A token as the emulator takes it from a signed-in user. */
    const user = `${part({ alg: 'none' })}.${part({ sub: 'u', user_id: 'u', iss: 'https://securetoken.google.com/rules', aud: 'rules' })}.`;
    const as = (token: string | null) => ({
      'Content-Type': 'application/json',
      ...(token !== null && { Authorization: `Bearer ${token}` }),
    });

    it.each([
      ['a stranger', null],
      ['a signed-in user', user],
    ])('%s reads and writes nothing', async (_who, token) => {
      for (const path of ['models/smile', 'devices/d_1', 'limits/x', 'deep/a/er/b']) {
        const read = await fetch(`${documents}/${path}`, { headers: as(token) });
        expect([path, read.status]).toEqual([path, 403]);
        const write = await fetch(`${documents}/${path}`, {
          method: 'PATCH',
          headers: as(token),
          body: JSON.stringify({ fields: { a: { stringValue: 'b' } } }),
        });
        expect([path, write.status]).toEqual([path, 403]);
      }
    });

    it('the owner, as our functions are, is not held by rules', async () => {
      const read = await fetch(`${documents}/models/smile`, { headers: as('owner') });
      expect(read.status).toBe(404);
    });
  });
}
