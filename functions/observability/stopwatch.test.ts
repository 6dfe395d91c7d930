import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { startApi } from '../../test/support/api-harness.ts';
import { stopwatch } from './stopwatch.ts';

describe('stopwatch', () => {
  it('gives the time since it was last asked', () => {
    const times = [100, 107.4, 107.4, 130];
    const lap = stopwatch(() => times.shift() ?? 0);
    expect([lap(), lap(), lap()]).toEqual([7, 0, 23]);
  });
});

describe('a grant', () => {
  it('logs its steps in the fields that the metrics of infra/metrics.tf are counted from', async () => {
    const api = await startApi();
    try {
      await api.publish('smile', new Uint8Array(10_000), { format: 'opaque' });
      const { grantId, sizeBytes } = await api.phone('alice').grant('smile');
      const lines = api.logs.map((line) => JSON.parse(line) as Record<string, unknown>);
      const sealed = lines.find(({ message }) => message === 'grant sealed');
      expect(sealed).toMatchObject({ grant: grantId, sealedBytes: sizeBytes });
      const request = lines.find(
        ({ requestId, status }) => requestId === sealed?.['requestId'] && status,
      );
      expect(request).toMatchObject({ status: 201, message: expect.stringContaining('POST') });

      const terraform = await readFile('infra/metrics.tf', 'utf8');
      const fields = [...terraform.matchAll(/jsonPayload\.(\w+)/g)].map(([, field = '']) => field);
      const known = new Set([...lines.flatMap((line) => Object.keys(line)), ...OTHER_LINES]);
      expect(fields.filter((field) => !known.has(field))).toEqual([]);
    } finally {
      await api.close();
    }
  });
});

/** Of `measure decided`, `swept`, `outbox emptied` and describeError, which a good grant does not log. */
const OTHER_LINES = ['measure', 'shadow', 'failed', 'waiting', 'error'];
