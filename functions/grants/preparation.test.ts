import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { versionFor } from '../catalogue/model-record.ts';
import type { DocumentStore, DocumentTransaction } from '../cloud/documents.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { generateRecipientKey } from '../protocol/hpke.ts';
import type { AdmittedGrant } from './grant-record.ts';
import { createPreparing } from './preparation.ts';

const SUITE = 'P256-HKDF-SHA256-AES256GCM';
let api: ApiHarness;
/** What was begun and what was ended, in this order. */
let seen: string[] = [];
/** Between the work of a grant's transaction and its commit. */
let beforeCommit: (tx: DocumentTransaction) => Promise<void> = async () => undefined;

beforeAll(async () => {
  api = await startApi({}, (services) => ({
    ...services,
    documents: {
      ...services.documents,
      transaction: ((work) =>
        services.documents.transaction(async (tx) => {
          const creates: string[] = [];
          const watched = {
            ...tx,
            create: (...args: Parameters<typeof tx.create>) => {
              creates.push(args[0]);
              tx.create(...args);
            },
          };
          const result = await work(watched);
          if (creates.some((path) => path.startsWith('grants/'))) {
            await beforeCommit(tx);
            seen.push('commit');
          }
          return result;
        })) as DocumentStore['transaction'],
    },
    objects: {
      ...services.objects,
      async *read(bucket, name, ...rest) {
        if (!name.endsWith('.vault')) return yield* services.objects.read(bucket, name, ...rest);
        seen.push('vault');
        try {
          yield* services.objects.read(bucket, name, ...rest);
        } finally {
          seen.push('vault ended');
        }
      },
      write: (...args) => {
        seen.push('write');
        return services.objects.write(...args);
      },
    },
    licences: {
      issue: (...args) => {
        seen.push('licence');
        return services.licences.issue(...args);
      },
    },
    urls: {
      signReadUrl: (...args) => {
        seen.push('url');
        return services.urls.signReadUrl(...args);
      },
    },
  }));
  await api.publish('m', randomBytes(600_000), { format: 'opaque' });
});
afterAll(() => api.close());
beforeEach(() => {
  seen = [];
  beforeCommit = async () => undefined;
});

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((done) => setTimeout(done, 1));
};

describe('while a grant is committed', () => {
  it('the vault is opened, and nothing is sealed, licensed or signed', async () => {
    const phone = api.phone('ann');
    await phone.enrol();
    beforeCommit = () => until(() => seen.includes('vault'));
    await phone.grant('m');
    const [first, second, ...after] = seen;
    expect([first, second]).toEqual(['vault', 'commit']);
    expect([...after].sort()).toEqual(['licence', 'url', 'vault ended', 'write']);
  });

  it('nothing leaves and what was opened is closed where another spent the challenge meanwhile', async () => {
    const phone = api.phone('bob');
    await phone.enrol();
    const before = (await Array.fromAsync(api.clients.objects.list('test-sealed', ''))).length;
    beforeCommit = async () => {
      await until(() => seen.includes('vault'));
      throw new Error('the commit fails');
    };
    await expect(phone.grant('m')).rejects.toThrow();
    await until(() => seen.includes('vault ended'));
    expect(seen.filter((step) => step !== 'vault' && step !== 'vault ended')).toEqual([]);
    expect(await Array.fromAsync(api.clients.objects.list('test-sealed', ''))).toHaveLength(before);
  });
});

describe('a transaction that runs again', () => {
  const granted = async (version: string): Promise<AdmittedGrant> => ({
    grantId: `g_${toBase64url(randomBytes(16))}`,
    userId: 'u_1',
    deviceId: 'd_1',
    recipientKey: (await generateRecipientKey(SUITE)).publicKey,
    suite: SUITE,
    version: versionFor(await api.clients.documents.get('models/m'), version, 'u_1', new Date()),
  });
  const countedServices = () => {
    let opened = 0;
    let ended = 0;
    const objects = {
      async *read(...args: Parameters<typeof api.clients.objects.read>) {
        if (!args[1].endsWith('.vault')) return yield* api.clients.objects.read(...args);
        opened++;
        try {
          yield* api.clients.objects.read(...args);
        } finally {
          ended++;
        }
      },
    };
    return { services: { ...api.services, objects }, counts: () => ({ opened, ended }) };
  };

  it('opens the vault once for one version, and anew for another', async () => {
    const { services, counts } = countedServices();
    const preparing = createPreparing(services, new Date());
    const grant = await granted('latest');
    preparing.begin(grant);
    const first = preparing.taken();
    preparing.begin({ ...grant, version: { ...grant.version } });
    expect(preparing.taken()).toBe(first);
    preparing.begin({ ...grant, version: { ...grant.version, wrappedKey: 'AAAA' } });
    expect(preparing.taken()).not.toBe(first);
    preparing.discard();
    await until(() => counts().ended === 2);
    expect(counts()).toEqual({ opened: 2, ended: 2 });
  });

  it('hands the data key that was begun to the first who takes it, and wipes it where nobody does', async () => {
    const keys: Uint8Array[] = [];
    const services = {
      ...api.services,
      versionKeys: {
        unwrap: async () => {
          const key = new Uint8Array(32).fill(7);
          keys.push(key);
          return key;
        },
      },
    };
    const grant = await granted('latest');
    const taken = createPreparing(services, new Date());
    taken.begin(grant);
    const key = await taken.taken()?.takeDataKey();
    taken.discard();
    await taken.taken()?.discard();
    expect(key).toBe(keys[0]);
    expect(key?.every((byte) => byte === 7)).toBe(true);

    const left = createPreparing(services, new Date());
    left.begin(grant);
    await left.taken()?.discard();
    expect(keys[1]?.every((byte) => byte === 0)).toBe(true);
  });
});
