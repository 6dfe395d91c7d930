import { expect, it } from '@jest/globals';
import { startApi } from '../../test/support/api-harness.ts';
import { revocationDrill } from './revocation.ts';

it('the drill finds that each revocation holds from the next request on and reaches the copy', async () => {
  const api = await startApi();
  try {
    const results = await revocationDrill({
      services: api.services,
      baseUrl: api.baseUrl,
      token: (user) => api.idp.token(user),
      userId: api.userId,
      platform: () => api.phone('drill').platform,
    });
    expect(
      results.map(({ what, refusedWith, grantedMeanwhile }) => [
        what,
        refusedWith,
        grantedMeanwhile,
      ]),
    ).toEqual([
      ['version', 'model_unknown', 0],
      ['model', 'model_unknown', 0],
      ['device-retired', 'device_unknown', 0],
      ['device-blocked', 'blocked', 0],
      ['user-revoked', 'device_unknown', 0],
      ['user-blocked', 'blocked', 0],
    ]);
    for (const { refusedAfterMs, erasedAfterMs } of results) {
      expect(refusedAfterMs).toBeGreaterThanOrEqual(0);
      expect(erasedAfterMs).toBeGreaterThanOrEqual(refusedAfterMs);
    }
  } finally {
    await api.close();
  }
});
