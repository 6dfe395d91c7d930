import { describe, expect, it } from '@jest/globals';
import { quotaNeeds } from './quota-checks.ts';

describe('what quotas must allow', () => {
  it('follows from how far the functions may grow', () => {
    const scales = new Map([
      ['grant', { instances: 50, concurrency: 8, milliCpu: 1000 }],
      ['renew', { instances: 50, concurrency: 40, milliCpu: 1000 }],
    ]);
    expect(quotaNeeds(scales).map(({ service, amount }) => [service, amount])).toEqual([
      ['run.googleapis.com', 100_000],
      ['cloudkms.googleapis.com', 24_100],
    ]);
  });
});
