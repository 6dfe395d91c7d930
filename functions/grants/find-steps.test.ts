import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyPatch } from '../../test/support/apply-patch.ts';
import type { ContainerHeader } from '../protocol/container.ts';
import { deriveKeys } from '../protocol/key-schedule.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { sealPatch } from '../protocol/patch.ts';
import { alignLayers, stepFinder } from './find-steps.ts';

interface File {
  readonly bytes: Uint8Array;
  readonly header: ContainerHeader;
}

/** A model of layers of these contents, with so many other bytes before each and at the end. */
function fileOf(layers: readonly Uint8Array[], gap: number, chunkBytes = 64): File {
  const places: ContainerHeader['layers'][number][] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [index, layer] of layers.entries()) {
    parts.push(new Uint8Array(gap).fill(index + 1), layer);
    places.push({ index, offset: offset + gap, length: layer.byteLength });
    offset += gap + layer.byteLength;
  }
  parts.push(new Uint8Array(gap + 1).fill(255));
  const bytes = new Uint8Array(Buffer.concat(parts));
  const header = { imprinted: true, chunkBytes, plainBytes: bytes.byteLength, layers: places };
  return { bytes, header };
}

async function* partsOf({ bytes, header }: File) {
  for (let offset = 0; offset < bytes.byteLength; offset += header.chunkBytes) {
    yield { offset, bytes: bytes.slice(offset, offset + header.chunkBytes) };
  }
}

const readerOf = (bytes: Uint8Array) => (offset: number, into: Uint8Array) =>
  into.set(bytes.subarray(offset, offset + into.byteLength));

const keys = await deriveKeys(nodeCrypto, new Uint8Array(32).fill(7), 'delivery');

async function patchOf(base: File, model: File): Promise<Uint8Array> {
  const digest = createHash('sha256').update(base.bytes).digest();
  const findSteps = stepFinder(alignLayers(base.header, model.header), readerOf(base.bytes));
  const options = { header: model.header, base: digest, keys, findSteps };
  return Buffer.concat(await Array.fromAsync(sealPatch(nodeCrypto, options, partsOf(model))));
}

const layer = fc.uint8Array({ minLength: 1, maxLength: 300 });

describe('a patch', () => {
  it('makes any model from any base', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(layer, { maxLength: 6 }),
        fc.array(layer, { maxLength: 6 }),
        fc.nat(5),
        fc.nat(5),
        async (a, b, gapA, gapB) => {
          const [base, model] = [fileOf(a, gapA), fileOf(b, gapB)];
          const patch = await patchOf(base, model);
          expect(Buffer.compare(await applyPatch(patch, base.bytes, keys), model.bytes)).toBe(0);
        },
      ),
    );
  });

  it('makes a model of changed, removed and added layers from the one before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(layer, fc.constantFrom('kept', 'changed', 'removed', 'added', 'sparse')),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        fc.nat(40),
        async (layers, gap) => {
          const base = layers.filter(([, fate]) => fate !== 'added').map(([bytes]) => bytes);
          const next = layers
            .filter(([, fate]) => fate !== 'removed')
            .map(([bytes, fate]) => {
              if (fate === 'changed') return bytes.map((byte) => byte ^ 0xa5);
              return fate === 'sparse' ? bytes.map((byte, i) => (i % 40 ? byte : ~byte)) : bytes;
            });
          const [from, to] = [fileOf(base, gap), fileOf(next, gap)];
          const patch = await patchOf(from, to);
          expect(Buffer.compare(await applyPatch(patch, from.bytes, keys), to.bytes)).toBe(0);
        },
      ),
    );
  });

  it('of the same bytes holds none of them', async () => {
    const file = fileOf(
      [new Uint8Array(200_000).map((_, i) => i * 7), new Uint8Array(99)],
      20,
      65_536,
    );
    expect((await patchOf(file, file)).byteLength).toBeLessThan(500);
  });

  it('of another head on the same backbone holds the head', async () => {
    const backbone = Array.from({ length: 40 }, (_, i) =>
      new Uint8Array(5000).map((_, j) => (i * 31 + j * j) % 251),
    );
    const heads = [1000, 1400].map((length, i) => new Uint8Array(length).fill(i + 3));
    const [base, model] = heads.map((head) => fileOf([...backbone, head], 30, 65_536)) as [
      File,
      File,
    ];
    expect((await patchOf(base, model)).byteLength).toBeLessThan(1400 + 1500);
  });

  it('is never much longer than the whole, and says in the clear nothing of what it inserts', async () => {
    const random = (seed: number) =>
      new Uint8Array(50_000).map((_, i) => Math.imul(i + seed, 2654435761) >>> 13);
    const [base, model] = [fileOf([random(1)], 8, 4096), fileOf([random(2)], 8, 4096)];
    const patch = await patchOf(base, model);
    expect(patch.byteLength).toBeLessThan(model.bytes.byteLength + 13 * 60 + 200);
    expect(Buffer.from(patch).indexOf(model.bytes.subarray(1000, 1016))).toBe(-1);
  });

  it('is for its base alone', async () => {
    const [base, model] = [fileOf([new Uint8Array(100)], 1), fileOf([new Uint8Array(90)], 1)];
    const patch = await patchOf(base, model);
    await expect(applyPatch(patch, model.bytes, keys)).rejects.toMatchObject({
      code: 'base-mismatch',
    });
  });
});
