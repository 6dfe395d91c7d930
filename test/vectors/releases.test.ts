/** R10, R40: which release records the TypeScript client takes, by test/vectors/releases.json; ReleaseVectorsTest.kt has the same in Kotlin. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { SealError } from '../../functions/protocol/errors.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { verifyTokens } from '../../sdk/typescript/opening/accept-grant.ts';
import { CopyFiles } from '../../sdk/typescript/opening/copy-files.ts';
import { ReleaseMemory } from '../../sdk/typescript/opening/release-memory.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { makeReleases, RELEASES_PATH } from './make-releases.ts';
import { makeVectors } from './make-vectors.ts';

const vectors = await makeVectors();
const releases = JSON.parse(readFileSync(RELEASES_PATH, 'utf8')) as ReturnType<typeof makeReleases>;
const { manifest, licence, pinnedKeys, claims } = vectors;
const model = claims.model;
const PHONE = { platform: 'android', appVersion: '2.1.0' } as const;

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return error.code;
  }
}

describe('release records', () => {
  it('are the ones that are made', () => {
    expect(releases).toEqual(JSON.parse(JSON.stringify(makeReleases(vectors))));
  });

  it.each(releases.rows.map((row) => [row.name, row] as const))(
    'R10 R40 %s',
    async (_, { seen, token, isGrant, isNewest, device, now, code }) => {
      const storage = memoryStorage();
      // The app starts anew with each: what it knows is what it stored.
      const start = () =>
        new ReleaseMemory(nodeCrypto, new CopyFiles(nodeCrypto, storage, 'u_example'), pinnedKeys);
      if (seen !== null) await start().learn(model, seen, new Date(0));
      const before = await start().last(model);
      const tokens = await verifyTokens(nodeCrypto, manifest, licence, pinnedKeys);
      const at = new Date(now * 1000);
      const phone = { ...PHONE, ...device, deviceId: tokens.licence.deviceId };
      const work = isGrant
        ? () => start().accept(tokens, token, { latestFor: isNewest ? phone : undefined, now: at })
        : () => start().learn(model, token, at);
      expect(await codeOf(work)).toBe(code);
      // What was refused changes nothing.
      const after = await start().last(model);
      if (code === 'done') expect(after?.serial).toBeGreaterThanOrEqual(before?.serial ?? 1);
      else expect(after).toEqual(before);
    },
  );
});
