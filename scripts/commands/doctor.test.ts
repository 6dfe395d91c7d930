import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expiringCollections } from '../../infra/policy.ts';
import { parseSources, readSources } from '../../infra/terraform.ts';
import { type ApiHarness, startApi } from '../../test/api-harness.ts';
import { diagnose, type GcloudJson } from './doctor.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const wrong = async (...args: Parameters<typeof diagnose>) =>
  (await diagnose(...args)).filter((finding) => finding.wrong !== undefined);

/** A project where nothing is set up. */
const emptyProject: GcloudJson = async (...args) => (args[0] === 'firestore' ? [] : {});

describe('doctor', () => {
  it('finds nothing wrong where all is well', async () => {
    expect(await wrong(api.services)).toEqual([]);
  });

  it('finds what fails, and says what mends it', async () => {
    const objects = {
      ...api.services.objects,
      signReadUrl: async () => Promise.reject(new Error('signBlob is denied')),
    };
    const [finding, ...more] = await wrong({ ...api.services, objects });
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      wrong: 'signBlob is denied',
      mend: expect.stringContaining('roles/iam.serviceAccountTokenCreator'),
    });
  });

  it('finds objects that outlive their time', async () => {
    const objects = {
      ...api.services.objects,
      async *list() {
        yield {
          ...{ name: 'old', sizeBytes: 1, generation: '1', metadata: {} },
          createdAt: new Date('2020-01-01T00:00:00Z'),
        };
      },
    };
    const [finding] = await wrong({ ...api.services, objects });
    expect(finding?.mend).toBe('gcloud scheduler jobs run sweep');
  });

  it('finds callers, dead letters and TTL policies that are missing, one for each collection', async () => {
    const checks = (await wrong(api.services, emptyProject)).map(({ check }) => check);
    expect(checks).toEqual(
      expect.arrayContaining(['somebody may call score', 'Pub/Sub may write dead letters']),
    );
    const infra = await parseSources(await readSources());
    for (const collection of expiringCollections(infra)) {
      expect(checks).toContain(`${collection} are deleted at their end`);
    }
  });
});
