import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { createTestRoots } from '../../test/virtual-phones/test-roots.ts';

let api: ApiHarness;
/** More than somebody who browses asks for in a day. */
const MODELS = 50;

beforeAll(async () => {
  api = await startApi({
    BLOCK_DELAY_SECONDS: '0',
    // Beyond what this test can ask for, also where scoring leaves a third of it.
    GRANTS_PER_USER_MINUTE: '60000',
    GRANTS_PER_DEVICE_MINUTE: '60000',
  });
  for (let n = 0; n < MODELS; n++) {
    await api.publish(`m${n}`, randomBytes(1000), { format: 'opaque' });
  }
});
afterAll(() => api.close());

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  );

describe('a block', () => {
  it('meets who asks for one model after the other when the budget is used up, at the next grant after its event', async () => {
    const phone = api.phone('harry');
    const path = `blocklist/user_${api.userId('harry')}`;
    let models = 0;
    for (let n = 0; n < MODELS; n++) {
      const code = await codeOf(phone.grant(`m${n}`));
      if (code === 'ok') models += 1;
      await api.clients.publisher.idle();
      const block = (await api.clients.documents.get(path))?.['until'];
      if (!block) {
        expect(code).not.toBe('blocked');
        continue;
      }
      expect(models).toBe(8);
      expect(await codeOf(phone.grant('m0'))).toBe('blocked');
      return;
    }
    throw new Error('never blocked');
  });

  it('is none of who keeps trying to enrol forged devices; a limit stops him before these are looked at', async () => {
    const forged = () => api.phone('emma', { roots: createTestRoots() }).enrol();
    const codes: string[] = [];
    for (let n = 0; n < 11; n++) {
      codes.push(await codeOf(forged()));
      await api.clients.publisher.idle();
    }
    expect(codes[9]).toBe('attestation_failed');
    expect(codes[10]).toBe('rate_limited');
    const path = `blocklist/user_${api.userId('emma')}`;
    expect(await api.clients.documents.get(path)).toBeUndefined();
  });

  it('of a network refuses newcomers alone', async () => {
    const known = api.phone('kate');
    await known.enrol();
    const network = api.services.pseudonyms.network('127.0.0.1');
    const path = `blocklist/network_${network}`;
    const createdAt = new Date();
    const until = new Date(createdAt.getTime() + 3600_000);
    await api.clients.documents.set(path, { until, createdAt, by: 'rules' });
    expect(await codeOf(known.grant('m0'))).toBe('ok');
    const newcomer = api.phone('nora');
    await newcomer.enrol();
    expect(await codeOf(newcomer.grant('m0'))).toBe('blocked');
    await api.clients.documents.delete(path);
    expect(await codeOf(newcomer.grant('m0'))).toBe('ok');
  });
});
