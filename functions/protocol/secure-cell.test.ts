import { describe, expect, it } from '@jest/globals';
import { assert, asyncProperty, uint8Array } from 'fast-check';
import { loadThemis } from '../../test/support/themis.ts';
import { concat, utf8 } from './bytes.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';
import {
  CELL_OVERHEAD_BYTES,
  type ImprintKey,
  imprint,
  imprintKey,
  openCell,
  sealCell,
} from './secure-cell.ts';

const { SecureCellSeal, SecureCellContextImprint } = await loadThemis();
const key = uint8Array({ minLength: 32, maxLength: 32 });
const context = uint8Array({ maxLength: 64 });
const message = uint8Array({ minLength: 1, maxLength: 5000 });

const seal = async (...args: [Uint8Array, Uint8Array, Uint8Array]) =>
  concat(...(await sealCell(crypto, ...args)));
async function imprinted(layerKey: ImprintKey, position: number, part: Uint8Array) {
  const bytes = new Uint8Array(part);
  await imprint(crypto, layerKey, position, bytes);
  return bytes;
}
const imprintWhole = async (k: Uint8Array, c: Uint8Array, m: Uint8Array) =>
  imprinted(await imprintKey(crypto, k, c, m.byteLength), 0, m);

describe('Secure Cell, Seal', () => {
  it("opens the example of Themis' documentation", async () => {
    // https://docs.cossacklabs.com/themis/spec/secure-cell/examples/
    const cell = Buffer.from(
      'AAEBQAwAAAAQAAAAEQAAAM5da3KkReYC7++OPbrI13UycoVi3s01Ji64WQ/KIe+3oF8cgLle19WC+tnaCg==',
      'base64',
    );
    const documented = utf8('au6aimoa8Pee8wahxi4Aique6eaxai2a');
    const opened = await openCell(crypto, documented, utf8('additional context'), cell);
    expect(opened && Buffer.from(opened).toString()).toBe('encrypted message');
  });

  it('is opened by Themis, and opens what Themis sealed', async () => {
    await assert(
      asyncProperty(key, context, message, async (k, c, m) => {
        const themis = SecureCellSeal.withKey(k);
        expect(themis.decrypt(await seal(k, c, m), c)).toEqual(m);
        const opened = await openCell(crypto, k, c, themis.encrypt(m, c));
        expect(opened && new Uint8Array(opened)).toEqual(m);
      }),
    );
  });

  it('refuses each changed byte, another key, another context and any cut', async () => {
    const [k, c, m] = [crypto.randomBytes(32), utf8('here'), utf8('weights')];
    const cell = await seal(k, c, m);
    for (let i = 0; i < cell.byteLength; i++) {
      const changed = cell.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(await openCell(crypto, k, c, changed)).toBeNull();
      expect(await openCell(crypto, k, c, cell.subarray(0, i))).toBeNull();
    }
    expect(await openCell(crypto, crypto.randomBytes(32), c, cell)).toBeNull();
    expect(await openCell(crypto, k, utf8('there'), cell)).toBeNull();
    expect(await openCell(crypto, k, c, concat(cell, new Uint8Array(1)))).toBeNull();
    expect(cell.byteLength).toBe(m.byteLength + CELL_OVERHEAD_BYTES);
  });
});

describe('Secure Cell, Context Imprint', () => {
  it('is what Themis makes, byte for byte', async () => {
    const some = uint8Array({ minLength: 1, maxLength: 64 });
    await assert(
      asyncProperty(key, some, message, async (k, c, m) => {
        const expected = SecureCellContextImprint.withKey(k).encrypt(m, c);
        expect(await imprintWhole(k, c, m)).toEqual(expected);
        expect(await imprintWhole(k, c, expected)).toEqual(m);
      }),
    );
  });

  it('is the same in parts as in one, wherever they are cut', async () => {
    await assert(
      asyncProperty(key, uint8Array({ minLength: 3, maxLength: 200 }), async (k, m) => {
        const whole = await imprintWhole(k, utf8('layer'), m);
        const layerKey = await imprintKey(crypto, k, utf8('layer'), m.byteLength);
        const cut = (m[0] ?? 0) % m.byteLength;
        const first = await imprinted(layerKey, 0, m.subarray(0, cut));
        const second = await imprinted(layerKey, cut, m.subarray(cut));
        expect(concat(first, second)).toEqual(whole);
      }),
    );
  });

  it('carries the counter over all of its bytes', async () => {
    const layerKey = { key: new Uint8Array(32), counter: new Uint8Array(16).fill(0xff) };
    const zeros = new Uint8Array(64);
    const whole = await imprinted(layerKey, 0, zeros);
    const tail = await imprinted(layerKey, 32, zeros.subarray(32));
    expect(tail).toEqual(whole.subarray(32));
  });
});
