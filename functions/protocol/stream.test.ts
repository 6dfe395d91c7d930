import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { array, assert, asyncProperty, integer, record, uint8Array } from 'fast-check';
import { outcomeWith } from '../../test/support/outcome.ts';
import { inPieces } from '../../test/support/streams.ts';
import { loadThemis } from '../../test/support/themis.ts';
import { collect, concat, u32be } from './bytes.ts';
import { type ContainerHeader, chunkAt, chunkContext, chunkCount } from './container.ts';
import { sha256 } from './crypto.ts';
import { SealError } from './errors.ts';
import { type ContainerKeys, deriveKeys } from './key-schedule.ts';
import { layerContext } from './layer-cipher.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';
import { type ModelPart, openContainer, reseal, sealPlain } from './stream.ts';

const { SecureCellSeal, SecureCellContextImprint } = await loadThemis();
const vault = await deriveKeys(crypto, crypto.randomBytes(32), 'vault');
const delivery = await deriveKeys(crypto, crypto.randomBytes(32), 'delivery');

async function sealed(model: Uint8Array, header: ContainerHeader, keys: ContainerKeys, size = 333) {
  return collect(sealPlain(crypto, inPieces(model, size), { header, keys }).bytes);
}
async function opened(container: Uint8Array, keys: ContainerKeys, size = 333) {
  const { parts } = await openContainer(crypto, inPieces(container, size), keys);
  const bytes: Uint8Array[] = [];
  for await (const part of parts) bytes.push(part.bytes);
  return concat(...bytes);
}
const refusal = outcomeWith(SealError, 'opened');
const resealed = (container: Uint8Array, size = 333) =>
  collect(reseal(crypto, inPieces(container, size), { from: vault, to: delivery, imprint: true }));

/** Any model, any chunks, any layers, any pieces on the way. */
const anyCase = record({
  model: uint8Array({ minLength: 1, maxLength: 3000 }),
  chunkBytes: integer({ min: 64, max: 1000 }),
  pieceBytes: integer({ min: 1, max: 1500 }),
  cuts: array(integer({ min: 0, max: 3000 }), { maxLength: 12 }),
});
function headerOf(model: Uint8Array, chunkBytes: number, cuts: readonly number[]): ContainerHeader {
  const edges = [...new Set(cuts.map((cut) => cut % model.byteLength))].sort((a, b) => a - b);
  const layers = edges.flatMap((offset, i) => {
    const end = edges[i + 1];
    return end !== undefined && i % 3 < 2 ? [{ index: 100 - i, offset, length: end - offset }] : [];
  });
  return { imprinted: false, chunkBytes, plainBytes: model.byteLength, layers };
}

const model = new Uint8Array(crypto.randomBytes(1000));
const header: ContainerHeader = {
  imprinted: false,
  chunkBytes: 128,
  plainBytes: 1000,
  layers: [{ index: 5, offset: 10, length: 500 }],
};

describe('sealing and opening', () => {
  it('gives back the same bytes through vault and delivery, in the size announced', async () => {
    await assert(
      asyncProperty(anyCase, async ({ model, chunkBytes, pieceBytes, cuts }) => {
        const header = headerOf(model, chunkBytes, cuts);
        const sealing = sealPlain(crypto, inPieces(model, pieceBytes), { header, keys: vault });
        const inVault = await collect(sealing.bytes);
        expect(inVault.byteLength).toBe(sealing.sizeBytes);
        expect(Buffer.from(sealing.sha256())).toEqual(createHash('sha256').update(model).digest());
        expect(await opened(inVault, vault, pieceBytes)).toEqual(model);

        const delivered = await resealed(inVault, pieceBytes);
        expect(delivered.byteLength).toBe(inVault.byteLength);
        expect(await opened(delivered, delivery, pieceBytes)).toEqual(model);
        expect(await refusal(opened(delivered, vault))).toBe('chunk-forged');
      }),
    );
  });

  it('leaves the same bytes where stock Themis opens file and layers', async () => {
    const delivered = await resealed(await sealed(model, header, vault));
    const imprinted = { ...header, imprinted: true };
    const headerHash = sha256(crypto, delivered.subarray(0, 48));
    const file = concat(
      ...Array.from({ length: chunkCount(header) }, (_, i) => {
        const { start, end } = chunkAt(imprinted, i);
        return SecureCellSeal.withKey(delivery.fileKey).decrypt(
          delivered.subarray(start, end),
          chunkContext(headerHash, i, i === chunkCount(header) - 1),
        );
      }),
    );
    const layer = SecureCellContextImprint.withKey(delivery.weightsKey).decrypt(
      file.slice(10, 510),
      layerContext(5),
    );
    expect(layer).toEqual(model.slice(10, 510));
    expect(file.slice(10, 510)).not.toEqual(layer);
    expect(file.slice(0, 10)).toEqual(model.slice(0, 10));
    expect(file.slice(510)).toEqual(model.slice(510));
  });

  it('refuses every single changed byte and every truncation', async () => {
    const container = await sealed(model, header, vault);
    for (let i = 0; i < container.byteLength; i += 1 + (i > 60 ? 13 : 0)) {
      const changed = container.slice();
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      expect(await refusal(opened(changed, vault))).not.toBe('opened');
      expect(await refusal(opened(container.subarray(0, i), vault))).toBe('container-truncated');
    }
    const longer = concat(container, new Uint8Array(1));
    expect(await refusal(opened(longer, vault))).toBe('container-malformed');
  });

  it('refuses chunks dropped, swapped, repeated, spliced in or declared the last', async () => {
    const [a, b] = [await sealed(model, header, vault), await sealed(model, header, delivery)];
    const head = a.subarray(0, 48);
    const cells = (bytes: Uint8Array) =>
      Array.from({ length: chunkCount(header) }, (_, i) => {
        const { start, end } = chunkAt(header, i);
        return bytes.subarray(start, end);
      });
    const [own, other] = [cells(a), cells(b)];
    const [first, second, third] = own as [Uint8Array, Uint8Array, Uint8Array];
    const rest = own.slice(3);
    const join = (...parts: Uint8Array[]) => refusal(opened(concat(head, ...parts), vault));
    expect(await join(...own)).toBe('opened');
    expect(await join(first, third, ...rest)).toBe('chunk-forged');
    expect(await join(second, first, third, ...rest)).toBe('chunk-forged');
    expect(await join(first, first, third, ...rest)).toBe('chunk-forged');
    expect(await join(first, other[1] as Uint8Array, third, ...rest)).toBe('chunk-forged');

    // A header that says the file ends with the second chunk.
    const shorter = head.slice();
    shorter.set(u32be(256), 20);
    shorter.set(u32be(0), 24);
    const cut = concat(shorter.subarray(0, 28), first, second);
    expect(await refusal(opened(cut, vault))).toBe('chunk-forged');
  });

  it('refuses a model that is not as long as was said', async () => {
    for (const plainBytes of [999, 1001, 1500]) {
      expect(await refusal(sealed(model, { ...header, plainBytes }, vault))).toBe('size-mismatch');
    }
  });

  it('never throws anything but its own error, whatever the bytes', async () => {
    await assert(
      asyncProperty(uint8Array({ maxLength: 400 }), async (noise) => {
        expect(await refusal(opened(noise, vault))).not.toBe('opened');
        const container = await sealed(model, header, vault);
        container.set(noise, 0);
        await refusal(opened(container, vault));
      }),
    );
  });

  it('leaves room for a stage that changes weights in the clear', async () => {
    const container = await sealed(model, header, vault);
    async function* stage(parts: AsyncIterable<ModelPart>) {
      for await (const { offset, bytes } of parts) {
        if (offset === 128) bytes[0] = (bytes[0] ?? 0) ^ 1;
        yield { offset, bytes };
      }
    }
    const options = { from: vault, to: delivery, imprint: true, stage };
    const output = await collect(reseal(crypto, inPieces(container, 99), options));
    const expected = model.slice();
    expected[128] = (expected[128] ?? 0) ^ 1;
    expect(await opened(output, delivery)).toEqual(expected);
  });
});

describe('streams', () => {
  it('takes from the source no more than a chunk ahead of what was asked of it', async () => {
    const container = await sealed(model, header, vault);
    let taken = 0;
    async function* counted() {
      for await (const piece of inPieces(container, 50)) {
        taken += piece.byteLength;
        yield piece;
      }
    }
    const output = reseal(crypto, counted(), { from: vault, to: delivery, imprint: true });
    let given = 0;
    for await (const part of output) {
      given += part.byteLength;
      expect(taken - given).toBeLessThan(128 + 44 + 50 + 28);
    }
  });

  it('lets go of the source when the consumer stops, and passes on its errors', async () => {
    const container = await sealed(model, header, vault);
    let closed = 0;
    async function* guarded(fail: boolean) {
      try {
        yield container.subarray(0, 400);
        if (fail) throw new Error('network');
        yield container.subarray(400);
      } finally {
        closed += 1;
      }
    }
    const options = { from: vault, to: delivery, imprint: true };
    for await (const part of reseal(crypto, guarded(false), options)) {
      if (part.byteLength > 100) break;
    }
    await expect(collect(reseal(crypto, guarded(true), options))).rejects.toThrow('network');
    async function* tooShort() {
      try {
        yield container.subarray(0, 10);
      } finally {
        closed += 1;
      }
    }
    expect(await refusal(collect(reseal(crypto, tooShort(), options)))).toBe('container-truncated');
    expect(closed).toBe(3);
  });

  it('leaves no part of the model in memory, also where it is broken off', async () => {
    const opened: Uint8Array[] = [];
    const watched: typeof crypto = {
      ...crypto,
      gcmOpen(...args) {
        opened.push(args[5]);
        return crypto.gcmOpen(...args);
      },
    };
    const inVault = await sealed(model, header, vault);
    const run = () =>
      reseal(watched, inPieces(inVault), { from: vault, to: delivery, imprint: true });
    await collect(run());
    for await (const _ of run()) if (opened.length > 10) break;
    expect(opened.length).toBeGreaterThan(10);
    expect(opened.filter((bytes) => bytes.some((byte) => byte !== 0))).toEqual([]);
  });
});
