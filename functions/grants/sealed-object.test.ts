import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readSealedObjectName, sealedObjectName } from './sealed-object.ts';

const GRANT = `g_${'A'.repeat(22)}`;

describe('names of sealed objects', () => {
  it('say when the object ends, rounded up to the second', () => {
    const name = sealedObjectName(GRANT, new Date('2026-11-24T23:58:30.2Z'), 120);
    expect(name).toBe(`20261125T000031/${GRANT}`);
    expect(readSealedObjectName(name)).toEqual({
      dueAt: new Date('2026-11-25T00:00:31Z'),
      grantId: GRANT,
    });
  });

  it('sort by their end, which is never before the time asked for', () => {
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

  it.each(['', 'x', `20261125T000031/${GRANT}x`, `../${GRANT}`, '20261125T000031/g_short'])(
    'others are not ours: %j',
    (name) => expect(readSealedObjectName(name)).toBeNull(),
  );
});
