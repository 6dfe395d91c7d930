import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import {
  type AdmittedGrant,
  erasedGrantDocument,
  grantDocument,
  grantPath,
  readGrant,
} from '../grants/grant-record.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { DAY_MS } from '../time.ts';
import { appendBlocks, LEDGER_LAG_MS } from './append-blocks.ts';
import { blockPath, HEAD_PATH, nextBlock, readBlock, readHead } from './block.ts';
import { leafOf, readLeaf } from './grant-leaf.ts';
import { LogContradiction, loggedBlocks } from './logged-blocks.ts';
import { type LedgerRange, verifyLedger } from './verify-ledger.ts';

const START = Date.parse('2026-11-24T08:00:00.000Z');
const at = (seconds: number) => new Date(START + seconds * 1000);
const LATER = new Date(START + 3_600_000);
const idOf = (n: number) =>
  `g_${toBase64url(createHash('sha256').update(String(n)).digest().subarray(0, 16))}`;

let documents: DocumentStore;
beforeEach(() => {
  documents = memoryDocuments();
});

/** The n-th grant, in the n-th second. */
async function grant(n: number, when = at(n)): Promise<string> {
  const version = { modelId: `m${n % 7}`, version: '1.0.0', sha256: 's' };
  const admitted = {
    grantId: idOf(n),
    userId: `u${n % 5}`,
    deviceId: `d${n % 5}`,
    suite: 'x',
    version,
  };
  const salt = new Uint8Array(16).fill(n);
  await documents.set(
    grantPath(idOf(n)),
    grantDocument(
      admitted as unknown as AdmittedGrant,
      { salt, network: null, appVersion: '1.0', facts: { newcomer: false, charges: [] } },
      when,
    ),
  );
  return idOf(n);
}

async function grants(count: number, first = 0): Promise<void> {
  for (let n = first; n < first + count; n += 1) await grant(n);
}

const append = (now: Date, maxLeaves?: number) =>
  appendBlocks({ documents, log: () => undefined }, now, maxLeaves ? { maxLeaves } : {});
const verify = (range: LedgerRange = {}, now = LATER) => verifyLedger(documents, now, range);

async function change(path: string, fields: DocumentData): Promise<void> {
  await documents.set(path, { ...(await documents.get(path)), ...fields });
}

describe('the ledger', () => {
  it('takes each grant once, in order, some time after it was made', async () => {
    await grants(100);
    expect(await append(new Date(START + LEDGER_LAG_MS + 50_000))).toEqual({
      blocks: 1,
      grants: 50,
    });
    expect(await append(new Date(START + LEDGER_LAG_MS + 50_000))).toEqual({
      blocks: 0,
      grants: 0,
    });
    expect(await append(LATER)).toEqual({ blocks: 1, grants: 50 });
    expect(await verify()).toMatchObject({ blocks: 2, grants: 100, erased: 0, expired: 0 });
    expect((await verify()).fault).toBeUndefined();
  });

  it('catches up over several blocks of bounded size', async () => {
    await grants(100);
    const { blocks } = await append(LATER, 16);
    expect(blocks).toBeGreaterThan(6);
    expect(await verify()).toMatchObject({ blocks, grants: 100 });
    for (let sequence = 1; sequence <= blocks; sequence += 1) {
      expect(
        readBlock((await documents.get(blockPath(sequence))) ?? {})?.count,
      ).toBeLessThanOrEqual(16);
    }
  });

  it('takes the grants of one instant in one order', async () => {
    for (let n = 0; n < 60; n += 1) await grant(n, at(1));
    const { grants: taken } = await append(LATER, 16);
    expect(taken).toBe(60);
    expect((await verify()).fault).toBeUndefined();
  });

  it('is one chain whatever runs overlap or break off', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 8, max: 24 }),
        async (steps, maxLeaves) => {
          documents = memoryDocuments();
          let made = 0;
          for (const step of steps) {
            await grants(step, made);
            made += step;
            const broken = { ...documents, transaction: breaking(documents) };
            await Promise.allSettled([
              append(LATER, maxLeaves),
              append(LATER, maxLeaves),
              appendBlocks({ documents: broken, log: () => undefined }, LATER, { maxLeaves }),
            ]);
          }
          await append(LATER, maxLeaves);
          expect(await verify()).toMatchObject({ grants: made, erased: 0, expired: 0 });
          expect((await verify()).fault).toBeUndefined();
        },
      ),
      { numRuns: 15 },
    );
  });

  it('is not held up by a record that nobody can read', async () => {
    await grants(3);
    await change(grantPath(idOf(1)), { user: 7 });
    expect(await append(LATER)).toEqual({ blocks: 1, grants: 2 });
    expect((await verify()).fault).toMatchObject({ kind: 'added', grant: idOf(1) });
  });

  it('goes on behind grants that were erased before it came to them', async () => {
    await grants(30);
    for (let n = 0; n < 20; n += 1) await erase(n);
    expect(await append(LATER, 8)).toMatchObject({ grants: 10 });
    expect((await verify()).fault).toBeUndefined();
  });
});

/** The first transaction takes effect and is reported as failed. */
function breaking({ transaction }: DocumentStore): DocumentStore['transaction'] {
  return async (work) => {
    await transaction(work);
    throw new Error('the instance is gone');
  };
}

async function erase(n: number): Promise<void> {
  const record = readGrant((await documents.get(grantPath(idOf(n)))) ?? {});
  if (!record) throw new Error('no such grant');
  await documents.set(grantPath(idOf(n)), erasedGrantDocument(record));
}

describe('verification', () => {
  beforeEach(async () => {
    await grants(40);
    await append(LATER, 16);
    expect((await verify()).fault).toBeUndefined();
  });

  it.each([
    ['user', 'somebody-else'],
    ['device', 'another'],
    ['model', 'dearer'],
    ['version', '2.0.0'],
    ['suite', 'weaker'],
    ['salt', toBase64url(new Uint8Array(16))],
    ['createdAt', at(1000)],
    ['grantId', idOf(999)],
    ['ledgerKey', '0 nowhere'],
    ['user', null],
  ] as const)('names a grant whose %s was changed', async (field, value) => {
    await change(grantPath(idOf(21)), { [field]: value });
    const { fault } = await verify();
    expect([fault?.kind === 'changed' || fault?.kind === 'added', fault?.grant]).toEqual([
      true,
      idOf(21),
    ]);
  });

  it('bears what changes after the decision', async () => {
    await change(grantPath(idOf(3)), { state: 'failed', sha256: 'of a marked copy' });
    await change(grantPath(idOf(4)), { state: 'revoked' });
    expect((await verify()).fault).toBeUndefined();
  });

  it('names a grant that was deleted, until its time is over', async () => {
    await documents.delete(grantPath(idOf(17)));
    expect((await verify()).fault).toMatchObject({ kind: 'missing', grant: idOf(17) });
    const end = new Date(START + 91 * DAY_MS);
    expect(await verify({}, end)).toMatchObject({ grants: 40, expired: 1 });
    expect((await verify({}, end)).fault).toBeUndefined();
  });

  it('names a grant that was slipped in, wherever its record claims to be', async () => {
    const id = await grant(500, at(12.5));
    expect((await verify()).fault).toMatchObject({ kind: 'added', grant: id });
    await change(grantPath(id), { ledgerKey: 'nowhere' });
    expect((await verify()).fault).toMatchObject({ kind: 'added', block: 0, grant: id });
    await documents.delete(grantPath(id));
    await grant(501, new Date(LATER.getTime() + DAY_MS));
    expect((await verify()).fault).toMatchObject({ kind: 'added', grant: idOf(501) });
  });

  it('counts what an erasure emptied, and finds nobody in what is left', async () => {
    await erase(9);
    expect(await verify()).toMatchObject({ grants: 40, erased: 1 });
    expect((await verify()).fault).toBeUndefined();
    const left = JSON.stringify(await documents.get(grantPath(idOf(9))));
    expect(left).not.toMatch(/"u4"|"d4"|salt|model/);
  });

  it.each([
    ['leaves', (block: DocumentData) => ({ leaves: [...(block['leaves'] as string[])].reverse() })],
    ['count', () => ({ count: 3 })],
    ['from', () => ({ from: at(0.5) })],
    ['to', () => ({ to: at(100) })],
    ['hash', () => ({ hash: 'B'.repeat(43) })],
    ['previousHash', () => ({ previousHash: 'B'.repeat(43) })],
    ['sequence', () => ({ sequence: 9 })],
    ['leaves to none', () => ({ leaves: [] })],
  ] as const)('names a block with changed %s', async (_, changed) => {
    const data = (await documents.get(blockPath(2))) ?? {};
    await change(blockPath(2), changed(data));
    expect((await verify()).fault).toMatchObject({ kind: 'broken', block: 2 });
  });

  it('notices a chain that was made anew, or cut off, by what was logged', async () => {
    const lines: string[] = [];
    const logging = async () =>
      appendBlocks(
        {
          documents,
          log: (severity, message, more) =>
            void lines.push(JSON.stringify({ severity, message, ...more })),
        },
        LATER,
        { maxLeaves: 16 },
      );
    const chain = async () => {
      documents = memoryDocuments();
      await grants(40);
      return logging();
    };
    const { blocks } = await chain();
    const log = loggedBlocks(lines.join('\n'));
    expect(await verify({ log })).toMatchObject({ blocks, logged: blocks });
    expect((await verify({ log })).fault).toBeUndefined();
    expect(await verify()).toMatchObject({ blocks, logged: 0 });

    // Somebody takes a grant out of the past, and makes everything anew.
    documents = memoryDocuments();
    for (let n = 0; n < 40; n += 1) if (n !== 20) await grant(n);
    await append(LATER, 16);
    expect((await verify()).fault).toBeUndefined();
    expect((await verify({ log })).fault).toMatchObject({
      kind: 'broken',
      description: 'the block is not the one that was logged',
    });

    documents = memoryDocuments();
    await grants(5);
    await append(LATER, 16);
    const short = new Map([...log].filter(([sequence]) => sequence > 1));
    expect((await verify({ log: short })).fault).toMatchObject({ kind: 'broken', block: 2 });
  });

  it('reads the log in each form, and does not believe one that contradicts itself', () => {
    const jsonPayload = { message: 'ledger block', sequence: 3, hash: 'a', count: 1 };
    const other = { message: 'ledger appended', blocks: 1 };
    const entries = JSON.stringify([{ jsonPayload }, { jsonPayload: other }, { textPayload: 'x' }]);
    expect([...loggedBlocks(entries)]).toEqual([[3, 'a']]);
    const lines = `${JSON.stringify(jsonPayload)}\nnot JSON\n${JSON.stringify(jsonPayload)}\n`;
    expect([...loggedBlocks(lines)]).toEqual([[3, 'a']]);
    expect(() => loggedBlocks(`${lines}${JSON.stringify({ ...jsonPayload, hash: 'b' })}`)).toThrow(
      LogContradiction,
    );
    expect(loggedBlocks('').size).toBe(0);
  });

  it('notices a leaf that was exchanged together with its record and hash', async () => {
    const block = readBlock((await documents.get(blockPath(2))) ?? {});
    const target = readLeaf(block?.leaves[0] ?? '')?.grantId ?? '';
    await change(grantPath(target), { user: 'somebody-else' });
    const record = readGrant((await documents.get(grantPath(target))) ?? {});
    if (!block || !record) throw new Error('no such block');
    const previous = { sequence: 1, hash: block.previousHash };
    const leaves = [leafOf(record), ...block.leaves.slice(1)];
    await documents.set(blockPath(2), { ...nextBlock(previous, leaves) });
    expect((await verify()).fault).toMatchObject({ kind: 'broken', block: 3 });
  });

  it('notices a last block that is gone, was exchanged, or is not the last', async () => {
    const head = readHead(await documents.get(HEAD_PATH));
    const last = await documents.get(blockPath(head.sequence));
    await documents.delete(blockPath(head.sequence));
    expect((await verify()).fault).toMatchObject({ kind: 'broken', block: head.sequence });
    await documents.set(blockPath(head.sequence), last ?? {});
    await documents.set(blockPath(head.sequence + 1), last ?? {});
    expect((await verify()).fault).toMatchObject({ kind: 'broken', block: head.sequence + 1 });
  });

  it('looks at some blocks alone where told', async () => {
    await change(grantPath(idOf(39)), { model: 'dearer' });
    expect((await verify({ from: 1, to: 2 })).fault).toBeUndefined();
    expect(await verify({ from: 2, to: 2 })).toMatchObject({ blocks: 1 });
    expect((await verify({ from: 3 })).fault).toMatchObject({ kind: 'changed', grant: idOf(39) });
  });
});
