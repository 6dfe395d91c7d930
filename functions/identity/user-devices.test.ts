import { describe, expect, it } from '@jest/globals';
import type { DocumentData } from '../cloud/documents.ts';
import {
  devicesOf,
  provisionalOf,
  withApproved,
  withDevice,
  withoutDevice,
} from './user-devices.ts';

const start = new Date('2026-11-26T12:00:00Z');
const hours = (count: number) => new Date(start.getTime() + count * 3_600_000);
const DAY = 86_400;

const add = (
  data: DocumentData | undefined,
  deviceId: string,
  now: Date,
  options: { replaces?: string; limit?: number; coolingOffSeconds?: number } = {},
) =>
  withDevice(
    data,
    { deviceId, replaces: undefined, limit: 2, coolingOffSeconds: DAY, ...options },
    now,
  );

describe('the devices of a user', () => {
  const one = add(undefined, 'a', start).document;

  it('begin with one that counts at once', () => {
    expect(add(undefined, 'a', start)).toMatchObject({ approvedFrom: null, retired: [] });
    expect(provisionalOf(one, start)).toEqual([]);
  });

  it('are joined by provisional ones, which make nobody go', () => {
    const added = add(one, 'thief', start, { replaces: 'a', limit: 1 });
    expect(added).toMatchObject({ approvedFrom: hours(24), retired: [] });
    expect(devicesOf(added.document)).toEqual(['a', 'thief']);
    expect(provisionalOf(added.document, start)).toEqual([
      { deviceId: 'thief', approvedFrom: hours(24) },
    ]);
  });

  it('are not crowded out by provisional ones, of which three are kept', () => {
    let document = one;
    const retired: string[] = [];
    for (let n = 0; n < 8; n++) {
      const added = add(document, `thief-${n}`, hours(n / 10));
      document = added.document;
      retired.push(...added.retired);
    }
    expect(devicesOf(document)).toEqual(['a', 'thief-5', 'thief-6', 'thief-7']);
    expect(retired).toEqual(['thief-0', 'thief-1', 'thief-2', 'thief-3', 'thief-4']);
  });

  it('take in who was approved, whose former key then goes', () => {
    const added = add(one, 'b', start, { replaces: 'a' });
    const approved = withApproved(added.document, 'b', 2, hours(1));
    expect(approved.retired).toEqual(['a']);
    expect(devicesOf(approved.document)).toEqual(['b']);
    expect(provisionalOf(approved.document, hours(1))).toEqual([]);
    expect(withApproved(approved.document, 'unknown', 2, hours(1)).retired).toEqual([]);
  });

  it('take in who waited long enough, and the oldest beyond the limit goes', () => {
    const two = add(one, 'b', start).document;
    const three = add(two, 'c', hours(1)).document;
    const later = add(three, 'd', hours(30));
    expect(later.retired).toEqual(['a']);
    expect(devicesOf(later.document)).toEqual(['b', 'c', 'd']);
    expect(provisionalOf(later.document, hours(30))).toEqual([
      { deviceId: 'd', approvedFrom: hours(54) },
    ]);
  });

  it('all count at once where there is no cooling off', () => {
    const added = add(one, 'b', start, { replaces: 'a', coolingOffSeconds: 0 });
    expect(added).toMatchObject({ approvedFrom: null, retired: ['a'] });
  });

  it('are read as they were stored before any was provisional, and may go', () => {
    const old = { devices: ['x', 'y'] };
    expect(devicesOf(old)).toEqual(['x', 'y']);
    expect(devicesOf(withoutDevice(old, 'x'))).toEqual(['y']);
    expect(add(old, 'z', start).retired).toEqual([]);
  });
});
