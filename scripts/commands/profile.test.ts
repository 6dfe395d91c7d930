import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../functions/config.ts';
import { testEnvironment } from '../../test/support/environment.ts';
import { target } from './profile.ts';

const folder = mkdtempSync(join(tmpdir(), 'modelseal-profiles-'));
const LOCAL = { GOOGLE_CLOUD_PROJECT: 'local', FIRESTORE_ENDPOINT: 'http://127.0.0.1:1' };
beforeAll(() => {
  const profile = {
    ...{ name: 'prod', project: 'p-prod', regions: ['europe-west3'] },
    environment: { ...testEnvironment(), GOOGLE_CLOUD_PROJECT: 'p-prod' },
  };
  writeFileSync(join(folder, 'prod.json'), JSON.stringify(profile));
  writeFileSync(join(folder, 'broken.json'), '{}');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the target of a command', () => {
  it('is the profile, whatever local stack runs in this folder', async () => {
    const { name, environment } = await target('prod', { PSEUDONYM_SECRET: 's' }, LOCAL, folder);
    expect(name).toBe('prod');
    expect(environment['PSEUDONYM_SECRET']).toBeDefined();
    expect(loadConfig({ ...testEnvironment(), ...environment }).projectId).toBe('p-prod');
    expect(
      loadConfig({ ...testEnvironment(), ...environment }).endpoints.firestore,
    ).toBeUndefined();
  });

  it.each([
    [
      'variables of a local stack',
      { FIRESTORE_EMULATOR_HOST: '127.0.0.1:1' },
      'FIRESTORE_EMULATOR_HOST',
    ],
    ['another project', { GOOGLE_CLOUD_PROJECT: 'p-dev' }, 'p-dev'],
  ])('is not mixed with %s', async (_what, own, words) => {
    await expect(target('prod', own, {}, folder)).rejects.toThrow(words);
  });

  it.each(['none', 'broken', '../prod'])('is no profile %s', async (name) => {
    await expect(target(name, {}, {}, folder)).rejects.toThrow(RangeError);
  });

  it('is the local stack where nothing is named', async () => {
    const { name, environment } = await target(undefined, {}, LOCAL, folder);
    expect(name).toContain('local stack');
    expect(environment['GOOGLE_CLOUD_PROJECT']).toBe('local');
  });
});
