import { describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { NO_RISK, riskDocument } from '../fraud/risk.ts';
import { riskPath } from '../fraud/subjects.ts';
import { exportUser } from './export-user.ts';

const now = new Date('2026-11-24T12:00:00.000Z');

describe('the export of a user', () => {
  it('does not tell him what became of his neighbours', async () => {
    const documents = memoryDocuments();
    const alice = { kind: 'user', id: 'alice' } as const;
    const risk = {
      ...NO_RISK,
      links: { device_d1: [1], network_n1: [2] },
      linked: { user_b: [3] },
    };
    await documents.set(riskPath(alice), riskDocument(alice, risk, 40, 'r1', 1_000));
    const exportFor = (judgement: boolean) =>
      exportUser(documents, 'alice', now, { judgement }).then(({ remembered }) => remembered);
    expect(await exportFor(false)).toEqual([{ kind: 'user', id: 'alice', trails: {} }]);
    expect(await exportFor(true)).toMatchObject([{ links: risk.links, linked: risk.linked }]);
  });

  it('names the cases about him, and for an operator whose they are and why', async () => {
    const documents = memoryDocuments();
    await documents.set('devices/d_1', { user: 'alice' });
    const act = { by: 'oper', reason: 'case 12', at: now, expireAt: now };
    await documents.set('audit/1', { ...act, subject: 'user_alice', action: 'block' });
    await documents.set('audit/2', { ...act, subject: 'user_alice', action: 'trace' });
    await documents.set('audit/3', { ...act, subject: 'device_d_1', action: 'revoke' });
    await documents.set('audit/4', { ...act, subject: 'user_bob', action: 'block' });
    const cases = async (judgement: boolean) =>
      (await exportUser(documents, 'alice', now, { judgement })).cases;
    expect(await cases(false)).toEqual([
      { at: now, subject: 'user_alice', action: 'block' },
      { at: now, subject: 'device_d_1', action: 'revoke' },
    ]);
    const whole = await cases(true);
    expect(whole.map(({ action }) => action)).toEqual(['block', 'trace', 'revoke']);
    expect(whole[1]).toMatchObject({ by: 'oper', reason: 'case 12' });
  });

  it('holds what one answer can, and for an operator every grant', async () => {
    const documents = memoryDocuments();
    for (let n = 0; n < 20_001; n += 1) {
      await documents.set(`grants/g_${n}`, { grantId: `g_${n}`, user: 'alice' });
    }
    await documents.set('grants/g_bob', { grantId: 'g_bob', user: 'bob' });
    const exportFor = (judgement: boolean) => exportUser(documents, 'alice', now, { judgement });
    const answer = await exportFor(false);
    expect(answer.complete).toBe(false);
    expect(answer.grants).toHaveLength(20_000);
    const whole = await exportFor(true);
    expect(whole.complete).toBe(true);
    expect(new Set(whole.grants.map(({ grantId }) => grantId)).size).toBe(20_001);
  });
});
