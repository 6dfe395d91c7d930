import { createHash, randomBytes } from 'node:crypto';
import { buffer as bytesOf } from 'node:stream/consumers';
import { beforeEach, expect, it } from '@jest/globals';
import {
  ObjectExistsError,
  ObjectMissingError,
  type ObjectStore,
} from '../../functions/cloud/objects.ts';

/** What every object store does; `open` gives the one under test. */
export function objectStoreContract(open: () => ObjectStore): void {
  const bucket = 'contract';
  let store: ObjectStore;
  let run = 0;
  /** A prefix of this test's own. */
  let prefix: string;

  beforeEach(() => {
    store = open();
    prefix = `${process.pid}/${++run}/`;
  });

  it('gives back what was written, with what is known of it', async () => {
    const before = Date.now();
    const info = await store.write(bucket, `${prefix}a b/ü.bin`, chunksOf(Buffer.from('hello')), {
      contentType: 'application/octet-stream',
      cacheControl: 'no-store',
      metadata: { grant: 'g_1' },
    });
    expect(info).toMatchObject({
      name: `${prefix}a b/ü.bin`,
      sizeBytes: 5,
      metadata: { grant: 'g_1' },
    });
    expect(Math.abs(info.createdAt.getTime() - before)).toBeLessThan(60_000);
    expect(await store.stat(bucket, info.name)).toEqual(info);
    expect((await bytesOf(store.read(bucket, info.name))).toString()).toBe('hello');
  });

  it('reads and deletes one generation, and not the one that took its place', async () => {
    const name = `${prefix}replaced`;
    const first = await store.write(bucket, name, chunksOf(Buffer.from('first')));
    expect((await bytesOf(store.read(bucket, name, undefined, first.generation))).toString()).toBe(
      'first',
    );
    const second = await store.write(bucket, name, chunksOf(Buffer.from('other')));
    const old = bytesOf(store.read(bucket, name, undefined, first.generation));
    await expect(old).rejects.toBeInstanceOf(ObjectMissingError);
    const range = { start: 0, end: 2 };
    const oldPart = bytesOf(store.read(bucket, name, range, first.generation));
    await expect(oldPart).rejects.toBeInstanceOf(ObjectMissingError);
    expect(await store.delete(bucket, name, first.generation)).toBe(false);
    expect((await store.stat(bucket, name))?.generation).toBe(second.generation);
    expect(await store.delete(bucket, name, second.generation)).toBe(true);
  });

  it('holds an empty object', async () => {
    const info = await store.write(bucket, `${prefix}empty`, chunksOf());
    expect(info.sizeBytes).toBe(0);
    expect(await bytesOf(store.read(bucket, `${prefix}empty`))).toHaveLength(0);
  });

  it('streams megabytes in uneven chunks, empty ones among them', async () => {
    const sizes = [1, 0, 300_000, 65_536, 0, 2_000_000, 7, 1_048_576];
    const hash = createHash('sha256');
    async function* body(): AsyncGenerator<Uint8Array> {
      for (const size of sizes) {
        const chunk = randomBytes(size);
        hash.update(chunk);
        yield new Uint8Array(chunk);
      }
    }
    const info = await store.write(bucket, `${prefix}big`, body());
    expect(info.sizeBytes).toBe(sizes.reduce((a, b) => a + b));
    const back = await bytesOf(store.read(bucket, `${prefix}big`));
    expect(sha256(back)).toBe(hash.digest('hex'));
  });

  it('reads ranges', async () => {
    const bytes = randomBytes(100_000);
    await store.write(bucket, `${prefix}a`, chunksOf(bytes));
    for (const [start, end] of [
      [0, 1],
      [10, 20],
      [70_000, 100_000],
      [99_999, 200_000],
      [5, 5],
    ] as const) {
      const part = await bytesOf(store.read(bucket, `${prefix}a`, { start, end }));
      expect(sha256(part)).toBe(sha256(bytes.subarray(start, end)));
    }
  });

  it('lets a reader stop early', async () => {
    await store.write(bucket, `${prefix}a`, chunksOf(randomBytes(3_000_000)));
    for await (const chunk of store.read(bucket, `${prefix}a`)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });

  it('knows what is missing', async () => {
    const missing = store.read(bucket, `${prefix}none`);
    await expect(bytesOf(missing)).rejects.toBeInstanceOf(ObjectMissingError);
    expect(await store.stat(bucket, `${prefix}none`)).toBeUndefined();
    expect(await store.delete(bucket, `${prefix}none`)).toBe(false);
  });

  it('replaces an object, as another generation, unless told not to', async () => {
    const first = await store.write(bucket, `${prefix}a`, chunksOf(Buffer.from('one')));
    const second = await store.write(bucket, `${prefix}a`, chunksOf(Buffer.from('two')));
    expect(second.generation).not.toBe(first.generation);
    const refused = store.write(bucket, `${prefix}a`, chunksOf(Buffer.from('three')), {
      ifAbsent: true,
    });
    await expect(refused).rejects.toBeInstanceOf(ObjectExistsError);
    expect((await bytesOf(store.read(bucket, `${prefix}a`))).toString()).toBe('two');
    await store.write(bucket, `${prefix}new`, chunksOf(Buffer.from('x')), { ifAbsent: true });
  });

  it('keeps nothing when the body throws, and lets its error through', async () => {
    const error = new Error('the source broke');
    async function* body(): AsyncGenerator<Uint8Array> {
      yield randomBytes(500_000);
      yield randomBytes(500_000);
      throw error;
    }
    await expect(store.write(bucket, `${prefix}a`, body())).rejects.toBe(error);
    expect(await store.stat(bucket, `${prefix}a`)).toBeUndefined();
  });

  it('keeps nothing when the signal aborts, and closes the body', async () => {
    const controller = new AbortController();
    let closed = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        yield randomBytes(500_000);
        controller.abort(new Error('enough'));
        for (;;) yield randomBytes(1_000);
      } finally {
        closed = true;
      }
    }
    const { signal } = controller;
    await expect(store.write(bucket, `${prefix}a`, body(), { signal })).rejects.toThrow('enough');
    expect(await store.stat(bucket, `${prefix}a`)).toBeUndefined();
    expect(closed).toBe(true);
  });

  it('deletes', async () => {
    await store.write(bucket, `${prefix}a`, chunksOf(Buffer.from('x')));
    expect(await store.delete(bucket, `${prefix}a`)).toBe(true);
    expect(await store.delete(bucket, `${prefix}a`)).toBe(false);
    expect(await store.stat(bucket, `${prefix}a`)).toBeUndefined();
  });

  it('deletes many together, and says of each what became of it', async () => {
    const names = Array.from({ length: 100 }, (_, n) => `${prefix}many/a b/ü?&#${n}`);
    for (const name of names.slice(1)) {
      await store.write(bucket, name, chunksOf(Buffer.from('x')));
    }
    const deletions = await store.deleteTogether(bucket, names);
    expect(deletions).toEqual(['absent', ...Array.from({ length: 99 }, () => 'deleted')]);
    expect(await Array.fromAsync(store.list(bucket, `${prefix}many/`))).toEqual([]);
    expect(await store.deleteTogether(bucket, [])).toEqual([]);
  });

  it('lists by prefix in the order of names', async () => {
    for (const name of ['b/2', 'a', 'b/10', 'c']) {
      await store.write(bucket, prefix + name, chunksOf(Buffer.from(name)));
    }
    const names = async (start: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { name } of store.list(bucket, start)) found.push(name);
      return found.map((name) => name.slice(prefix.length));
    };
    expect(await names(prefix)).toEqual(['a', 'b/10', 'b/2', 'c']);
    expect(await names(`${prefix}b/`)).toEqual(['b/10', 'b/2']);
    expect(await names(`${prefix}none`)).toEqual([]);
  });
}

/** The bytes as a body, in one chunk. */
export async function* chunksOf(bytes?: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes) yield bytes;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
