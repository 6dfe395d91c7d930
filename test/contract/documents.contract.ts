import { beforeEach, expect, it } from '@jest/globals';
import {
  DocumentExistsError,
  DocumentMissingError,
  type DocumentStore,
} from '../../functions/cloud/documents.ts';

/** What every document store does; `open` gives the one under test. */
export function documentStoreContract(open: () => DocumentStore): void {
  let store: DocumentStore;
  let run = 0;
  /** A collection of this test's own. */
  let collection: string;

  beforeEach(() => {
    store = open();
    collection = `contract-${process.pid}-${++run}`;
  });

  it('gives back what was set, with every kind of value', async () => {
    const data = {
      text: 'ключ 🔑',
      whole: 42,
      fraction: 0.5,
      yes: true,
      nothing: null,
      when: new Date('2026-01-02T03:04:05.678Z'),
      list: ['a', 1, { deep: new Date(0) }],
      nested: { 'a.b': { c: [] } },
    };
    await store.set(`${collection}/a`, data);
    expect(await store.get(`${collection}/a`)).toEqual(data);
  });

  it('replaces the whole document on set', async () => {
    await store.set(`${collection}/a`, { one: 1, two: 2 });
    await store.set(`${collection}/a`, { two: 3 });
    expect(await store.get(`${collection}/a`)).toEqual({ two: 3 });
  });

  it('has nothing where nothing was set, or where it was deleted', async () => {
    expect(await store.get(`${collection}/none`)).toBeUndefined();
    await store.set(`${collection}/a`, { one: 1 });
    await store.delete(`${collection}/a`);
    expect(await store.get(`${collection}/a`)).toBeUndefined();
    await store.delete(`${collection}/a`);
  });

  it('creates once: of 20 racers one wins', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, racer) => store.create(`${collection}/a`, { racer })),
    );
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(lost).toHaveLength(19);
    for (const { reason } of lost) expect(reason).toBeInstanceOf(DocumentExistsError);
  });

  it('keeps no hold on what it was given or gave', async () => {
    const list = [1];
    await store.set(`${collection}/a`, { list });
    list.push(2);
    const got = (await store.get(`${collection}/a`)) as { list: number[] };
    got.list.push(3);
    expect(await store.get(`${collection}/a`)).toEqual({ list: [1] });
  });

  it('refuses what Firestore cannot hold', async () => {
    const bad = { list: [[1]] };
    await expect(store.set(`${collection}/a`, bad)).rejects.toThrow();
    expect(await store.get(`${collection}/a`)).toBeUndefined();
  });

  it('queries by equality, range, order and limit, in this collection only', async () => {
    for (const [id, kind, size] of [
      ['a', 'x', 3],
      ['b', 'x', 1],
      ['c', 'y', 2],
      ['d', 'x', 2],
    ] as const) {
      await store.set(`${collection}/${id}`, { kind, size });
      await store.set(`${collection}/${id}/sub/s`, { kind, size });
    }
    await store.set(`${collection}/e`, { kind: 'x' });
    const ids = async (query: Omit<Parameters<DocumentStore['query']>[0], 'collection'>) =>
      (await store.query({ collection, ...query })).map(({ path }) => path.split('/').at(-1));

    expect(await ids({ limit: 9 })).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await ids({ where: [['kind', '==', 'x']], limit: 9 })).toEqual(['a', 'b', 'd', 'e']);
    expect(await ids({ where: [['size', '>=', 2]], limit: 9 })).toEqual(['c', 'd', 'a']);
    expect(
      await ids({
        where: [
          ['kind', '==', 'x'],
          ['size', '<', 3],
        ],
        orderBy: ['size', 'desc'],
        limit: 9,
      }),
    ).toEqual(['d', 'b']);
    expect(await ids({ orderBy: ['size', 'desc'], limit: 2 })).toEqual(['a', 'd']);
    expect(await ids({ where: [['size', '>', 'text']], limit: 9 })).toEqual([]);
  });

  it('gives page after page of a query by equality', async () => {
    for (const id of ['e', 'a', 'd', 'b', 'c']) {
      await store.set(`${collection}/${id}`, { kind: id === 'b' ? 'y' : 'x', size: 1 });
    }
    const pages: string[][] = [];
    let after: string | undefined;
    do {
      const found = await store.query({
        collection,
        where: [
          ['kind', '==', 'x'],
          ['size', '==', 1],
        ],
        limit: 2,
        ...(after !== undefined && { after }),
      });
      pages.push(found.map(({ path }) => path.split('/').at(-1) ?? ''));
      after = found.at(-1)?.path;
    } while (after);
    expect(pages).toEqual([['a', 'c'], ['d', 'e'], []]);
  });

  it('queries by the members of an array', async () => {
    await store.set(`${collection}/a`, { tags: ['x', 'y'] });
    await store.set(`${collection}/b`, { tags: ['z'] });
    await store.set(`${collection}/c`, { tags: [] });
    await store.set(`${collection}/d`, { tags: 'x' });
    await store.set(`${collection}/e`, {});
    const among = async (values: readonly string[]) =>
      (
        await store.query({
          collection,
          where: [['tags', 'array-contains-any', values]],
          limit: 9,
        })
      ).map(({ path }) => path.split('/').at(-1));
    expect(await among(['y', 'none'])).toEqual(['a']);
    expect(await among(['x', 'y', 'z'])).toEqual(['a', 'b']);
    expect(await among(Array.from({ length: 30 }, (_, n) => `v${n}`))).toEqual([]);
    await expect(among(Array.from({ length: 31 }, (_, n) => `v${n}`))).rejects.toThrow();
  });

  it('queries by time', async () => {
    await store.set(`${collection}/old`, { at: new Date(1_000) });
    await store.set(`${collection}/new`, { at: new Date(2_000) });
    const found = await store.query({
      collection,
      where: [['at', '<=', new Date(1_500)]],
      limit: 9,
    });
    expect(found).toEqual([{ path: `${collection}/old`, data: { at: new Date(1_000) } }]);
  });

  it('writes all of a transaction, and gives back what its work returned', async () => {
    await store.set(`${collection}/a`, { n: 1, 'dotted.key': 1 });
    await store.set(`${collection}/gone`, { n: 1 });
    const result = await store.transaction(async (tx) => {
      const read = await tx.getAll([`${collection}/a`, `${collection}/none`]);
      tx.update(`${collection}/a`, { n: 2, 'dotted.key': 2 });
      tx.create(`${collection}/b`, { n: 1 });
      tx.set(`${collection}/c`, { n: 1 });
      tx.delete(`${collection}/gone`);
      return read;
    });
    expect(result).toEqual([{ n: 1, 'dotted.key': 1 }, undefined]);
    expect(await store.get(`${collection}/a`)).toEqual({ n: 2, 'dotted.key': 2 });
    expect(await store.get(`${collection}/b`)).toEqual({ n: 1 });
    expect(await store.get(`${collection}/c`)).toEqual({ n: 1 });
    expect(await store.get(`${collection}/gone`)).toBeUndefined();
  });

  it('lets the error of the work through and writes nothing', async () => {
    // A code that a client could take for its own word for "try again" (gRPC ABORTED).
    const error = Object.assign(new Error('mine'), { code: 10 });
    let runs = 0;
    const failing = store.transaction(async (tx) => {
      runs++;
      await tx.getAll([`${collection}/a`]);
      tx.set(`${collection}/a`, { n: 1 });
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(runs).toBe(1);
    expect(await store.get(`${collection}/a`)).toBeUndefined();
  });

  it('names the document whose create failed, and writes nothing', async () => {
    await store.set(`${collection}/b`, { n: 1 });
    const failing = store.transaction(async (tx) => {
      tx.create(`${collection}/a`, { n: 1 });
      tx.create(`${collection}/b`, { n: 1 });
    });
    await expect(failing).rejects.toBeInstanceOf(DocumentExistsError);
    await expect(failing).rejects.toThrow(`${collection}/b exists`);
    expect(await store.get(`${collection}/a`)).toBeUndefined();
  });

  it('updates only what is there', async () => {
    const failing = store.transaction(async (tx) => tx.update(`${collection}/a`, { n: 1 }));
    await expect(failing).rejects.toBeInstanceOf(DocumentMissingError);
    expect(await store.get(`${collection}/a`)).toBeUndefined();
  });

  it('refuses a read after a write', async () => {
    const failing = store.transaction(async (tx) => {
      tx.set(`${collection}/a`, { n: 1 });
      await tx.getAll([`${collection}/a`]);
    });
    await expect(failing).rejects.toThrow();
    expect(await store.get(`${collection}/a`)).toBeUndefined();
  });

  it('loses no update among contenders', async () => {
    await store.set(`${collection}/a`, { n: 0 });
    await Promise.all(
      Array.from({ length: 8 }, () =>
        store.transaction(async (tx) => {
          const [data] = await tx.getAll([`${collection}/a`]);
          tx.update(`${collection}/a`, { n: Number(data?.['n']) + 1 });
        }),
      ),
    );
    expect(await store.get(`${collection}/a`)).toEqual({ n: 8 });
  });

  it('is serialisable where two read what the other writes', async () => {
    // Write skew: each may go only while both are on duty.
    await store.set(`${collection}/a`, { onDuty: true });
    await store.set(`${collection}/b`, { onDuty: true });
    const leave = (who: string): Promise<void> =>
      store.transaction(async (tx) => {
        const both = await tx.getAll([`${collection}/a`, `${collection}/b`]);
        if (both.every((doctor) => doctor?.['onDuty'])) {
          tx.update(`${collection}/${who}`, { onDuty: false });
        }
      });
    await Promise.all([leave('a'), leave('b')]);
    const onDuty = await store.query({ collection, where: [['onDuty', '==', true]], limit: 9 });
    expect(onDuty).toHaveLength(1);
  });
}
