import { describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { createVendorOutages } from './vendor-outages.ts';

const NOON = new Date('2026-11-01T12:00:00Z');
const at = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);
const SERVICE = 'playIntegrity';

describe('the outage of a vendor', () => {
  it('began for all instances when the first one met it', async () => {
    const documents = memoryDocuments();
    const first = createVendorOutages(documents);
    expect(await first.failed(SERVICE, NOON)).toEqual(NOON);
    expect(await first.failed(SERVICE, at(10))).toEqual(NOON);
    const young = createVendorOutages(documents);
    expect(await young.failed(SERVICE, at(20))).toEqual(NOON);
    expect(await young.failed('revocationList', at(20))).toEqual(at(20));
  });

  it('is over when the service answers, and the next one is another', async () => {
    const documents = memoryDocuments();
    const outages = createVendorOutages(documents);
    await outages.failed(SERVICE, NOON);
    await outages.recovered(SERVICE);
    expect(await createVendorOutages(documents).failed(SERVICE, at(5))).toEqual(at(5));
  });

  it('is another after a quarter of an hour in which nobody met it', async () => {
    const documents = memoryDocuments();
    const outages = createVendorOutages(documents);
    await outages.failed(SERVICE, NOON);
    expect(await outages.failed(SERVICE, at(16))).toEqual(at(16));
    expect(await createVendorOutages(documents).failed(SERVICE, at(40))).toEqual(at(40));
  });

  it('is what the instance itself knows where the database fails, too, or is not there', async () => {
    const broken = {
      transaction: () => Promise.reject(new Error('down')),
      delete: () => Promise.reject(new Error('down')),
    };
    for (const documents of [broken, undefined]) {
      const outages = createVendorOutages(documents);
      expect(await outages.failed(SERVICE, NOON)).toEqual(NOON);
      expect(await outages.failed(SERVICE, at(9))).toEqual(NOON);
      await outages.recovered(SERVICE);
      expect(await outages.failed(SERVICE, at(10))).toEqual(at(10));
    }
  });
});
