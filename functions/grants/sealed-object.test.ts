import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toBase64url } from '../protocol/encoding.ts';
import { readSealedObjectName, SEALED_SHARDS, sealedObjectName } from './sealed-object.ts';

const GRANT = `g_${'A'.repeat(22)}`;

describe('names of sealed objects', () => {
  it('say when the object ends, rounded up to the second', () => {
    const name = sealedObjectName(GRANT, new Date('2026-11-24T23:58:30.2Z'), 120);
    expect(name).toBe(`0/20261125T000031/${GRANT}`);
    expect(readSealedObjectName(name)).toEqual({
      dueAt: new Date('2026-11-25T00:00:31Z'),
      grantId: GRANT,
    });
  });

  it('of a shard sort by their end, which is never before the time asked for', () => {
    const date = fc.date({
      min: new Date('2026-01-01Z'),
      max: new Date('2099-01-01Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, date, fc.integer({ min: 1, max: 3600 }), (a, b, ttl) => {
        const [nameA, nameB] = [a, b].map((now) => sealedObjectName(GRANT, now, ttl));
        const [dueA, dueB] = [nameA, nameB].map((name) => readSealedObjectName(name ?? '')?.dueAt);
        expect(dueA?.getTime()).toBeGreaterThanOrEqual(a.getTime() + ttl * 1000);
        expect(String(nameA) < String(nameB)).toBe(Number(dueA) < Number(dueB));
      }),
    );
  });

  it('are spread over all shards', () => {
    const ids = Array.from({ length: 64 }, (_, n) => `g_${toBase64url(new Uint8Array([n * 4]))}`);
    const shards = ids.map((id) =>
      sealedObjectName(id.padEnd(24, 'A'), new Date(0), 1).slice(0, 2),
    );
    expect(new Set(shards)).toEqual(new Set(SEALED_SHARDS.map((shard) => `${shard}/`)));
  });

  it.each([
    '',
    'x',
    `20261125T000031/${GRANT}`,
    `0/20261125T000031/${GRANT}x`,
    `1/20261125T000031/${GRANT}`,
    `../${GRANT}`,
    '0/20261125T000031/g_short',
  ])('others are not ours: %j', (name) => expect(readSealedObjectName(name)).toBeNull());
});
