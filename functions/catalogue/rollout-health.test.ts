import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { newEvent } from '../fraud/events.ts';
import { readModel, releaseOf } from './model-record.ts';
import { recordVote } from './record-vote.ts';
import { rollOut } from './roll-out.ts';
import { rolloutHealth } from './rollout-health.ts';
import { blankVote, rolloutKey, type Said, voted, votePath } from './rollout-votes.ts';
import { resumeRollout } from './steer-rollout.ts';
import { watchRollouts } from './watch-rollouts.ts';

const two = { modelId: 'smile', version: '2' };
const MINUTE = 60_000;

let api: ApiHarness;
let now: Date;
beforeEach(async () => {
  now = new Date();
  api = await startApi();
  await publish('1');
  await publish('2', true);
});
afterEach(() => api.close());

const publish = (version: string, hold = false) =>
  api.publish('smile', randomBytes(2_000), { format: 'opaque', version, ...(hold && { hold }) });
const rules = async () => {
  const data = await api.clients.documents.get('models/smile');
  return (data && releaseOf(readModel(data))?.rules) ?? [];
};
const start = (share = 5_000) => rollOut(api.services, { ...two, share }, now);
const watch = (minutes: number) =>
  watchRollouts(api.services, new Date(now.getTime() + minutes * MINUTE));
const health = async () => (await rolloutHealth(api.clients.documents, 'smile', ['2']))[0];

/** So many devices that were there before say this of a version. */
async function say(version: string, count: number, said: Said, more: Partial<Voter> = {}) {
  for (let n = 0; n < count; n++) {
    const device = `d_${version}_${JSON.stringify(said).length}_${n}`;
    const voter: Voter = { ...VOTER, enrolledAt: new Date(0), device, ...more };
    const at = new Date(now.getTime() + MINUTE);
    let vote = voted(blankVote(rolloutKey('smile', version), voter, at), OK, at);
    vote = voted(vote, said, at);
    await api.clients.documents.set(votePath('smile', version, device), { ...vote, traits: null });
  }
}
type Voter = Parameters<typeof blankVote>[1];
const VOTER = { platform: 'ios', appVersion: '1.0', traits: null } as const;
const OK: Said = { opening: 'ok', eventId: 'first' };
const FAILED: Said = { opening: 'failed', eventId: 'second' };
const CRASHED: Said = { run: 'crashed' };

describe('the watch over rollouts', () => {
  it('halts a version that fails more often, as a new record, and tells', async () => {
    await start();
    await say('1', 400, OK);
    await say('2', 300, OK);
    await say('2', 60, FAILED);
    const before = api.events.length;
    expect(await watch(12)).toMatchObject({ watched: 1, halted: 1, failed: 0 });
    expect((await rules())[0]).toMatchObject({ name: '2', halted: expect.any(Number) });
    expect(await health()).toMatchObject({
      halted: true,
      signals: { failed: { recent: { devices: 360, bad: 60 }, before: { devices: 400, bad: 0 } } },
    });
    const halts = api.events.slice(before).filter(({ type }) => type === 'rollout.halted');
    expect(halts).toMatchObject([{ model: 'smile', version: '2', cause: 'failed' }]);
    expect(api.logs.some((line) => line.includes('rollout halted'))).toBe(true);
    // What is halted is not looked at again.
    expect(await watch(20)).toMatchObject({ halted: 0 });
  });

  it('counts a crash likewise', async () => {
    await start();
    const again: Said = { opening: 'ok', eventId: 'another launch' };
    await say('1', 300, again);
    await say('2', 200, again);
    await say('2', 40, CRASHED);
    expect(await watch(12)).toMatchObject({ halted: 1 });
    expect((await health())?.signals.crashed).toMatchObject({ recent: { bad: 40 } });
  });

  it('waits for reports to settle, and for enough of both versions', async () => {
    await start();
    await say('1', 19, OK);
    await say('2', 300, FAILED);
    expect(await watch(5)).toMatchObject({ halted: 0 });
    expect(await watch(12)).toMatchObject({ halted: 0 });
    expect((await health())?.strength).toBe(1);
  });

  it('lets a version be that fails as often', async () => {
    await start();
    for (const version of ['1', '2']) {
      await say(version, 300, OK);
      await say(version, 30, FAILED);
    }
    expect(await watch(12)).toMatchObject({ halted: 0 });
    expect((await health())?.strength).toBeLessThan(2);
  });

  it('does not hear devices that enrolled after it began, or that it is not for', async () => {
    await rollOut(api.services, { ...two, share: 5_000, when: { platform: 'ios' } }, now);
    await say('1', 300, OK);
    await say('2', 300, OK);
    await say('2', 200, FAILED, { enrolledAt: new Date(now.getTime() + 1_000) });
    await say('1', 200, CRASHED, { platform: 'android' });
    expect(await watch(12)).toMatchObject({ halted: 0 });
    expect((await health())?.signals.failed).toMatchObject({
      recent: { devices: 300, bad: 0 },
      before: { devices: 300, bad: 0 },
    });
  });

  it('is not moved by few phones that lie, whichever way and however often', async () => {
    await start();
    await say('1', 2_000, OK);
    await say('2', 1_991, OK);
    await say('2', 9, FAILED);
    expect(await watch(12)).toMatchObject({ halted: 0 });
    // What was said is not taken back by saying that all is well.
    const vote = voted(
      blankVote('smile~2', { ...VOTER, enrolledAt: now, device: 'd' }, now),
      FAILED,
      now,
    );
    expect(voted(vote, OK, now)).toMatchObject({ opening: 'failed' });
  });

  it('begins anew where a person goes on with what was halted', async () => {
    await start();
    await say('1', 300, OK);
    await say('2', 300, FAILED);
    expect(await watch(12)).toMatchObject({ halted: 1 });
    await resumeRollout(api.services, two, new Date(now.getTime() + 13 * MINUTE));
    expect(await watch(14)).toMatchObject({ halted: 0 });
    expect(await health()).toMatchObject({ strength: 1, halted: false });
  });

  it('takes the steps that are due, the last of them alone, and none of what stands still', async () => {
    const at = (minutes: number) => Math.floor(now.getTime() / 1000) + minutes * 60;
    const steps = [
      { at: at(10), share: 1_000 },
      { at: at(20), share: 2_500 },
      { at: at(60), share: 10_000 },
    ];
    await rollOut(api.services, { ...two, share: 500, steps }, now);
    expect(await watch(5)).toMatchObject({ steps: 0 });
    expect(await watch(30)).toMatchObject({ steps: 1 });
    expect((await rules())[0]).toMatchObject({ share: 2_500, steps: [steps[2]] });
    expect(await watch(61)).toMatchObject({ steps: 1 });
    expect(await rules()).toMatchObject([{ name: '2', share: 10_000 }]);
    expect(await watch(62)).toMatchObject({ watched: 0 });
  });
});

describe('a version that phones fetch', () => {
  const FETCHED: Said = { sealing: 'ok' };
  /** So many phones of before that were given it, of which so many tell how it went. */
  async function fetch(phones: number, reporting: number, more: Partial<Voter> = {}) {
    const at = new Date(now.getTime() + MINUTE);
    for (let n = 0; n < phones; n++) {
      const voter: Voter = { ...VOTER, enrolledAt: new Date(0), device: `d_${n}`, ...more };
      const fetched = voted(blankVote('smile~2', voter, at), FETCHED, at);
      const vote = n < reporting ? voted(fetched, OK, at) : fetched;
      const path = votePath('smile', '2', voter.device);
      await api.clients.documents.set(path, { ...vote, traits: null });
    }
  }
  const widening = async () => {
    const at = Math.floor(now.getTime() / 1000) + 600;
    await rollOut(api.services, { ...two, share: 500, steps: [{ at, share: 2_500 }] }, now);
  };

  it('and tell nothing of, is given to no more of them', async () => {
    await widening();
    await fetch(40, 3);
    expect(await watch(70)).toMatchObject({ steps: 0, failed: 0 });
    expect((await rules())[0]).toMatchObject({ share: 500 });
    expect(await health()).toMatchObject({
      ...{ isUnheard: true, heard: { fetched: 40, reported: 3 } },
    });
    expect(api.logs.filter((line) => line.includes('rollout waits for reports'))).toHaveLength(1);
    await fetch(40, 4);
    expect(await watch(75)).toMatchObject({ steps: 1 });
    expect(await health()).toMatchObject({ isUnheard: false });
  });

  it('goes on while they have not had the time, or are none', async () => {
    await widening();
    expect(await watch(11)).toMatchObject({ steps: 1 });
    await fetch(40, 0);
    await watch(30);
    expect(await health()).toMatchObject({ isUnheard: false, heard: { fetched: 0 } });
  });

  it('is kept from nobody by phones that were made to keep silent', async () => {
    await widening();
    await fetch(400, 0, { enrolledAt: new Date(now.getTime() + 1_000) });
    expect(await watch(70)).toMatchObject({ steps: 1 });
  });

  it('is noted by the grant itself, and once', async () => {
    await start(10_000 - 1);
    const ann = api.phone('ann');
    for (let n = 0; n < 2; n++) await ann.grant('smile');
    await api.delivered();
    const votes = await api.clients.documents.query({ collection: 'votes', limit: 9 });
    expect(votes.map(({ data }) => data)).toMatchObject([
      { rollout: 'smile~2', fetchedKey: expect.stringMatching(/^smile~2~/), opening: null },
    ]);
  });
});

describe('what the service itself sees', () => {
  /** So many phones are given a version, and tell nothing of it. */
  async function seal(version: string, phones: number, sealing: 'ok' | 'slow' | 'failed') {
    const at = new Date(now.getTime() + MINUTE);
    for (let n = 0; n < phones; n++) {
      const device = `d_${version}_${sealing}_${n}`;
      const voter: Voter = { ...VOTER, enrolledAt: new Date(0), device };
      const vote = voted(blankVote(rolloutKey('smile', version), voter, at), { sealing }, at);
      await api.clients.documents.set(votePath('smile', version, device), {
        ...vote,
        traits: null,
      });
    }
  }

  it.each([
    ['failed', 'refused'],
    ['slow', 'delayed'],
  ] as const)(
    'halts a version that is %s to seal, of phones that never report',
    async (sealing, signal) => {
      await start();
      await seal('1', 300, 'ok');
      await seal('2', 260, 'ok');
      await seal('2', 40, sealing);
      expect(await watch(12)).toMatchObject({ halted: 1 });
      expect((await health())?.signals[signal]).toMatchObject({
        ...{ recent: { devices: 300, bad: 40 }, before: { devices: 300, bad: 0 } },
      });
    },
  );

  it('is counted also from a record of before that was', async () => {
    await start();
    await say('1', 30, OK);
    await say('2', 30, OK);
    await watch(12);
    const path = 'rollouts/smile~2';
    const { signals, recent, before, ...rest } = (await api.clients.documents.get(
      path,
    )) as never as {
      [K in 'signals' | 'recent' | 'before']: Record<string, DocumentData>;
    };
    const { delayed: _, ...known } = signals;
    const without = ({ fetched: __, ...cursors }: Record<string, DocumentData>) => cursors;
    const old = { ...rest, signals: known, recent: without(recent), before: without(before) };
    await api.clients.documents.set(path, old);
    await seal('1', 300, 'ok');
    await seal('2', 300, 'slow');
    expect(await watch(13)).toMatchObject({ halted: 1, failed: 0 });
  });

  it('only becomes worse, and is told by the grant', async () => {
    const vote = blankVote('smile~2', { ...VOTER, enrolledAt: now, device: 'd' }, now);
    const slow = voted(voted(vote, { sealing: 'slow' }, now), { sealing: 'ok' }, now);
    expect(slow).toMatchObject({ sealing: 'slow', opening: null });
    await start(10_000 - 1);
    let clock = 0;
    const spy = jest.spyOn(performance, 'now').mockImplementation(() => (clock += 11_000));
    await api
      .phone('ann')
      .grant('smile')
      .finally(() => spy.mockRestore());
    await api.delivered();
    expect(api.events).toContainEqual(
      expect.objectContaining({ type: 'grant.slow', version: '2' }),
    );
    const [told] = await api.clients.documents.query({ collection: 'votes', limit: 1 });
    expect(told?.data).toMatchObject({ rollout: 'smile~2', sealing: 'slow', opening: null });
  });
});

describe('a vote', () => {
  const event = (device: string, grant: string, more: object = {}) => ({
    ...newEvent(
      { type: 'grant.failed', authenticated: 'device', device, grant, model: 'smile' },
      now,
      randomBytes(10),
    ),
    ...more,
  });

  it('is of the device that the grant was made for, and of the version that this says', async () => {
    await start(10_000 - 1);
    const ann = api.phone('ann');
    const { deviceId, grantId } = await ann.grant('smile');
    const bob = (await api.phone('bob').grant('smile')).deviceId;
    await api.delivered();
    const votes = async () => api.clients.documents.query({ collection: 'votes', limit: 9 });
    const given = { type: 'model.open_failed', source: 'client' } as const;
    await recordVote(api.clients.documents, event(bob, grantId, given), now);
    await recordVote(api.clients.documents, event(deviceId, 'g_other', given), now);
    await recordVote(
      api.clients.documents,
      event(deviceId, grantId, { ...given, authenticated: 'user' }),
      now,
    );
    expect((await votes()).map(({ data }) => data['opening'])).toEqual([null, null]);
    // The version that it claims is no matter.
    for (const version of ['1', '9']) {
      await recordVote(api.clients.documents, event(deviceId, grantId, { ...given, version }), now);
    }
    const found = (await votes()).filter(({ data }) => data['opening'] !== null);
    expect(found).toHaveLength(1);
    expect(found[0]?.path).toBe(votePath('smile', '2', deviceId));
    expect(found[0]?.data).toMatchObject({ opening: 'failed', rollout: 'smile~2' });
  });
});
