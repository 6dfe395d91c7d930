import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';

let api: ApiHarness;

beforeAll(async () => {
  api = await startApi({ REPORTS_PER_DEVICE_MINUTE: '2' });
});
afterAll(() => api.close());

describe('reports', () => {
  it('have a limit for each device, and beyond it what they say does not count', async () => {
    const [phone, other] = [api.phone('rita'), api.phone('rita')];
    await phone.enrol();
    await other.enrol();
    for (let n = 0; n < 2; n++) await phone.report([{ type: 'app.started' }]);
    await api.clients.publisher.idle();
    const path = `risk/user_${api.userId('rita')}`;
    await expect(phone.report([{ type: 'rasp.signal', cause: 'hook' }])).rejects.toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryAfterSeconds: expect.any(Number),
    });
    await api.clients.publisher.idle();
    expect(JSON.stringify(await api.clients.documents.get(path))).not.toContain(
      'rasp.signal(hook)',
    );
    await other.report([{ type: 'rasp.signal', cause: 'hook' }]);
    await api.clients.publisher.idle();
    expect(JSON.stringify(await api.clients.documents.get(path))).toContain('rasp.signal(hook)');
  });
});
