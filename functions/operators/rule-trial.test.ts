import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { DEFAULT_RULES } from '../fraud/default-rules.ts';
import { label } from './label.ts';
import { changedRules, type RuleTrial, tryRules } from './rule-trial.ts';

let api: ApiHarness;
const now = new Date();
const NO_CHANGE: RuleTrial = { rules: [], thresholds: {} };
const HAMMERED = 'budget-hammered';

/** Somebody who goes on asking for so many models that he gets no more. */
async function asks(name: string, models: number): Promise<string> {
  const told = { authenticated: 'device', user: name, appVersion: '1.0.0' } as const;
  for (let n = 0; n < models; n += 1) {
    const attributes = { reason: 'new_models' };
    await api.services.emit(
      { ...told, type: 'limit.hit', model: `model-${n}`, attributes },
      new Date(now.getTime() - 60_000),
    );
  }
  return `user_${name}`;
}

let thief: string;
let browser: string;
beforeAll(async () => {
  api = await startApi();
  thief = await asks('p1_AAAAAAAAAAAAAAAAAAAAAA', 40);
  browser = await asks('p1_BBBBBBBBBBBBBBBBBBBBBA', 18);
  await asks('p1_CCCCCCCCCCCCCCCCCCCCCA', 3);
  await api.delivered();
  await label(api.services, `${thief}:block:1`, 'thief', {
    by: 'ann@example.org',
    reason: 'saw it',
  });
});
afterAll(() => api.close());

const run = (trial: Partial<RuleTrial>) =>
  tryRules(api.clients, { ...NO_CHANGE, ...trial }, DEFAULT_RULES, now);
const row = async (action: string, trial: Partial<RuleTrial>) =>
  (await run(trial)).rows.find((each) => each.action === action);

describe('rules that are tried over what is remembered', () => {
  it('judge as those in force where nothing is changed', async () => {
    const { rows, looked, isComplete } = await run({});
    expect({ looked, isComplete }).toEqual({ looked: 2, isComplete: true });
    expect(rows.map(({ onlyNow, onlyThen }) => onlyNow.subjects + onlyThen.subjects)).toEqual(
      Array(3).fill(0),
    );
    expect(rows.find(({ action }) => action === 'block')?.both).toEqual({
      ...{ subjects: 1, thieves: 1, good: 0, named: [thief] },
    });
    const data = await api.clients.documents.get(`blocklist/${thief}`);
    expect(data?.['until']).toBeDefined();
  });

  it('restrict nobody by a rule that is off', async () => {
    expect(await row('block', { rules: [{ id: HAMMERED, isOff: true }] })).toMatchObject({
      onlyNow: { subjects: 1, thieves: 1, named: [thief] },
      ...{ both: { subjects: 0 }, onlyThen: { subjects: 0 } },
    });
  });

  it('restrict more where a rule weighs more', async () => {
    expect(await row('block', { rules: [{ id: HAMMERED, weight: 60 }] })).toMatchObject({
      ...{ both: { named: [thief] }, onlyThen: { named: [browser], thieves: 0 } },
    });
  });

  it('take in a rule under trial that is named, at its own numbers or at others', async () => {
    const id = 'budget-hammered-hour';
    expect(changedRules(DEFAULT_RULES, { ...NO_CHANGE, rules: [{ id }] }).rules).toHaveLength(
      DEFAULT_RULES.rules.length + 1,
    );
    expect(await row('block', { rules: [{ id, weight: 20, cap: 120 }] })).toMatchObject({
      ...{ both: { named: [thief] }, onlyThen: { named: [browser], thieves: 0 } },
    });
  });

  it('are refused where they are none', () => {
    const refused = (trial: Partial<RuleTrial>) => () =>
      changedRules(DEFAULT_RULES, { ...NO_CHANGE, ...trial });
    const violation = (detail: string) =>
      expect.objectContaining({
        code: 'request_invalid',
        violations: [expect.objectContaining({ detail })],
      });
    expect(refused({ rules: [{ id: 'no-such-rule', isOff: true }] })).toThrow(violation('unknown'));
    // Hints alone restrict nobody, whatever is tried.
    expect(refused({ thresholds: { throttle: 1 } })).toThrow(violation('no_sound_rules'));
  });
});
