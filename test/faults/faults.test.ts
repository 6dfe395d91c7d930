import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DocumentStore } from '../../functions/cloud/documents.ts';
import type { CloudClients } from '../../functions/services.ts';
import { runSchedule, shrink } from './run-schedule.ts';
import { createSchedule, type Schedule } from './schedule.ts';
import { type Surroundings, startSurroundings } from './system.ts';

let surroundings: Surroundings;
beforeAll(async () => {
  surroundings = await startSurroundings();
});
afterAll(() => surroundings.close());

const QUIET: Schedule = {
  seed: 1,
  faults: [],
  phones: [['get', 'replay', 'renew', 'report'], ['get']],
  burst: true,
  tracing: 'off',
  restMs: 0,
  weightRows: 40,
};
const violationsOf = async (schedule: Schedule, plant?: (cloud: CloudClients) => CloudClients) =>
  (await runSchedule(surroundings, schedule, plant)).violations;
const withDocuments =
  (change: (documents: DocumentStore) => Partial<DocumentStore>) => (cloud: CloudClients) => ({
    ...cloud,
    documents: { ...cloud.documents, ...change(cloud.documents) },
  });

describe('under faults', () => {
  it('everything that must hold does', async () => {
    const seeds = Array.from({ length: 10 }, (_, index) => 9_000 + index);
    const outcomes = await Promise.all(
      seeds.map(async (seed) => ({ seed, violations: await violationsOf(createSchedule(seed)) })),
    );
    expect(outcomes.filter(({ violations }) => violations.length > 0)).toEqual([]);
  }, 120_000);

  it('a schedule follows from its seed', () => {
    expect(createSchedule(7)).toEqual(createSchedule(7));
    expect(createSchedule(7)).not.toEqual(createSchedule(8));
  });
});

describe('a mistake is noticed', () => {
  it('none is where there is none', async () => {
    expect(await violationsOf(QUIET)).toEqual([]);
  });

  it('a challenge that can be spent again', async () => {
    const plant = withDocuments(({ transaction }) => ({
      transaction: (work) =>
        transaction((tx) =>
          work({
            ...tx,
            create: (path, data) =>
              path.startsWith('challenges/') ? undefined : tx.create(path, data),
          }),
        ),
    }));
    expect((await violationsOf(QUIET, plant)).join()).toContain('one challenge made');
  });

  it('a grant that is written twice', async () => {
    const plant = withDocuments(({ transaction }) => ({
      transaction: (work) =>
        transaction((tx) =>
          work({
            ...tx,
            create: (path, data) => {
              if (path.startsWith('grants/')) tx.create(`${path}-again`, data);
              tx.create(path, data);
            },
          }),
        ),
    }));
    expect((await violationsOf(QUIET, plant)).join()).toContain('the quota counts');
  });

  it('a sealed object that nobody deletes', async () => {
    const plant = (cloud: CloudClients) => ({
      ...cloud,
      objects: {
        ...cloud.objects,
        delete: async () => false,
        deleteTogether: async (_bucket: string, names: readonly string[]) =>
          names.map(() => 'absent' as const),
      },
    });
    expect((await violationsOf(QUIET, plant)).join()).toContain('outlived the sweep');
  });

  it('a model that lies in the clear', async () => {
    const plant = (cloud: CloudClients) => ({
      ...cloud,
      objects: {
        ...cloud.objects,
        async *read(...args: Parameters<typeof cloud.objects.read>) {
          const [bucket, name] = args;
          for await (const chunk of cloud.objects.read(...args)) {
            yield chunk;
            if (bucket === 'test-intake')
              await cloud.documents.set('audit/a', {
                name,
                chunk: Buffer.from(chunk).toString('base64'),
              });
          }
        },
      },
    });
    expect((await violationsOf(QUIET, plant)).join()).toContain('in the clear in audit');
  });

  it('an event that is scored twice', async () => {
    const plant = withDocuments(({ transaction }) => ({
      transaction: async (work) => {
        const result = await transaction(work);
        await transaction(async (tx) => {
          const path = 'risk/device_nobody';
          const [found] = await tx.getAll([path]);
          tx.set(path, { times: Number(found?.['times'] ?? 0) + 1 });
        });
        return result;
      },
    }));
    expect((await violationsOf(QUIET, plant)).join()).toContain('risk is not what');
  });

  it('a publication that is listed without its bytes, and the schedule shrinks to its cause', async () => {
    const plant = (cloud: CloudClients) => ({
      ...cloud,
      objects: {
        ...cloud.objects,
        write: async (...[bucket, name, body, options]: Parameters<typeof cloud.objects.write>) => {
          const info = await cloud.objects.write(bucket, name, body, options);
          if (name.endsWith('.manifest')) await cloud.objects.delete(bucket, name);
          return info;
        },
      },
    });
    const schedule = createSchedule(9_100);
    expect((await violationsOf(schedule, plant)).join()).toContain('without its manifest');
    expect(await shrink(surroundings, schedule, plant)).toMatchObject({ faults: [], phones: [] });
  });
});
