import { describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { readBaseline } from '../fraud/baseline.ts';
import { alertPathOf, FLEET_REASON, fleetAlertPath, raisedAlert } from '../fraud/campaign.ts';
import type { CampaignState } from '../fraud/campaign-state.ts';
import { readTally, tallyPath } from '../fraud/tally.ts';
import { DAY_MS } from '../time.ts';
import { openCollection } from './collection.ts';
import type { CollectionCaller } from './collection-decision.ts';

const at = (days: number) => new Date(STORY_START + days * DAY_MS);
/** Nothing is common, and it is known since long. */
const baseline = readBaseline({
  ...{ at: at(0), learningSince: at(-40), uses: {}, common: ['m0'], activeUsers: {} },
  ...{ watchingSince: at(-30), charged: { tail: 7, rare: 70, known: 70 }, watchedMs: 14 * DAY_MS },
});
const campaign = { baseline, alert: undefined, moves: undefined };
const KNOWN_DEVICE = { approvedFrom: null, enrolledAt: at(-100) };

function shelf(documents = memoryDocuments(), state: CampaignState = campaign) {
  /** Asks for a model as a grant does; undefined where it is given, or why not. */
  return async (caller: Partial<CollectionCaller>, model: string, now: Date) => {
    const who: CollectionCaller = {
      ...{ userId: 'p1_ann', exempt: false, fleet: null, restricted: false },
      ...{ phone: null, newModelsPerMonth: undefined, device: KNOWN_DEVICE },
      ...caller,
    };
    const version = { publishedAt: at(-100), revoked: false };
    return documents.transaction(async (tx) => {
      const [tally] = await tx.getAll([tallyPath(who.userId)]);
      const data = {
        model: { ...modelDocument(model), versions: { '1.0.0': { ...VERSION, ...version } } },
        tally,
      };
      const offered = { version: '1.0.0', isOnOffer: true };
      const collection = await openCollection(tx, who, data, offered, state, now);
      try {
        collection.permit();
      } catch (error) {
        return (error as { reason?: string }).reason;
      }
      for (const { path, data } of collection.writes) tx.set(path, data);
      return undefined;
    });
  };
}

const VERSION = {
  ...{ format: 'opaque', sizeBytes: 1, sha256: 'x', manifestDigest: 'x', manifestObject: 'x' },
  ...{ vaultObject: 'x', wrappedKey: 'x', tracing: 'off' },
};
const modelDocument = (modelId: string) => ({
  ...{ modelId, owner: null, release: 'x', releaseDueAt: at(0) },
});

describe('a declared fleet', () => {
  const fleet = 'p1_school';

  it('is held to the budget of each account', async () => {
    const ask = shelf();
    const given: (string | undefined)[] = [];
    for (let n = 0; n < 9; n += 1) given.push(await ask({ fleet }, `m${n}`, at(0)));
    expect(given).toEqual([...Array(8).fill(undefined), 'new_models']);
  });

  it('has a pool for what is rare, whatever number of accounts somebody in it has', async () => {
    const ask = shelf();
    const refused = new Map<string | undefined, number>();
    for (let n = 1; n <= 60; n += 1) {
      const reason = await ask({ fleet, userId: `p1_u${n}` }, `m${n}`, at(0));
      refused.set(reason, (refused.get(reason) ?? 0) + 1);
    }
    expect([...refused]).toEqual([
      [undefined, 24],
      ['campaign_fleet', 36],
    ]);
    // What is common is closed to nobody, and a lesson is no campaign.
    expect(await ask({ fleet, userId: 'p1_last' }, 'm0', at(0))).toBeUndefined();
  });

  it('gives a lesson to the whole class', async () => {
    const ask = shelf();
    for (let pupil = 0; pupil < 60; pupil += 1) {
      for (const model of ['m1', 'm2', 'm3', 'm4']) {
        expect(await ask({ fleet, userId: `p1_u${pupil}` }, model, at(0))).toBeUndefined();
      }
    }
  });

  it('has an alert of its own: less is left to it, and nobody elsewhere notices', async () => {
    const path = fleetAlertPath(fleet);
    const full = tell().server(0, {
      type: 'limit.hit',
      network: fleet,
      attributes: { reason: FLEET_REASON },
    });
    expect(alertPathOf(full)).toBe(path);
    const documents = memoryDocuments();
    await documents.create(path, { ...raisedAlert(full, undefined) });
    const ask = shelf(documents);
    // Two rare ones begin an account that has mostly tail.
    expect(await ask({ fleet }, 'm1', at(1))).toBeUndefined();
    expect(await ask({ fleet }, 'm2', at(1))).toBe('campaign_closed');
    expect(await ask({ userId: 'p1_bob' }, 'm3', at(1))).toBeUndefined();
    expect(await ask({ userId: 'p1_bob' }, 'm4', at(1))).toBeUndefined();
    // And it ends by itself.
    expect(await ask({ fleet }, 'm2', at(8))).toBeUndefined();
  });

  it('does not bound whom an operator excepted', async () => {
    const ask = shelf();
    for (let n = 0; n < 60; n += 1) {
      expect(await ask({ fleet, exempt: true }, `m${n}`, at(0))).toBeUndefined();
    }
  });
});

describe('what an account has had, on a device that no other one approved', () => {
  const owned = Array.from({ length: 60 }, (_, n) => `m${n}`);
  const strange = { approvedFrom: at(1), enrolledAt: at(0) };
  /** Accounts with a hundred-day-old collection. */
  async function accounts(count: number) {
    const documents = memoryDocuments();
    for (let n = 0; n < count; n += 1) {
      const items = Object.fromEntries(owned.map((model) => [model, at(-100).getTime()]));
      const tally = { ...readTally(undefined, at(-100)), usedAt: at(-5), items };
      await documents.create(tallyPath(`p1_u${n}`), tally);
    }
    return documents;
  }

  it('is given at once to whoever is back with a dozen models, while few move', async () => {
    const ask = shelf(await accounts(1));
    for (const model of owned.slice(0, 12)) {
      expect(await ask({ userId: 'p1_u0', device: strange }, model, at(0))).toBeUndefined();
    }
  });

  it('comes from a pool that all accounts share, each thing once in a month', async () => {
    const ask = shelf(await accounts(10));
    const given: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      for (const model of owned.slice(1, 8)) {
        const reason = await ask({ userId: `p1_u${n}`, device: strange }, model, at(0));
        if (reason === undefined) given.push(`p1_u${n}`);
        else expect(reason).toBe('campaign_moved');
      }
    }
    // the first two have all seven, and the others two for which nobody has to wait.
    expect(given).toHaveLength(2 * 7 + 8 * 2);
    // What somebody was given he is given again, on the next strange device, too.
    const next = { approvedFrom: at(2), enrolledAt: at(1) };
    expect(await ask({ userId: 'p1_u0', device: next }, 'm1', at(1.1))).toBeUndefined();
    // What is common, and devices that were approved, are no matter of the pool.
    expect(await ask({ userId: 'p1_u9', device: strange }, 'm0', at(0))).toBeUndefined();
    const approved = { approvedFrom: null, enrolledAt: at(0) };
    expect(await ask({ userId: 'p1_u9', device: approved }, 'm9', at(0))).toBeUndefined();
    expect(
      await ask({ userId: 'p1_u9', device: strange, exempt: true }, 'm9', at(0)),
    ).toBeUndefined();
  });

  it('is joined by nothing rare that is new while an alert against moves is on', async () => {
    const documents = await accounts(30);
    const full = tell().server(0, { type: 'limit.hit', attributes: { reason: 'campaign_moved' } });
    const moves = raisedAlert(full, undefined);
    const ask = shelf(documents, { ...campaign, moves });
    const asking = async (n: number, models: readonly string[], who: Partial<CollectionCaller>) => {
      const caller = { userId: `p1_u${n}`, ...who };
      let given = 0;
      for (const model of models) given += (await ask(caller, model, at(0))) ? 0 : 1;
      return given;
    };
    const had = owned.slice(1, 8);
    // The alert leaves the pool as full as it was.
    const earlier = shelf(documents);
    for (let n = 0; n < 10; n += 1)
      await earlier({ userId: 'p1_u0', device: strange }, `m${n}`, at(0));
    for (let n = 10; n < 14; n += 1)
      await earlier({ userId: 'p1_u1', device: strange }, `m${n}`, at(0));
    expect(await asking(5, had, { device: strange })).toBe(2);
    const anew = ['m61', 'm62', 'm63', 'm64'];
    expect(await asking(6, anew, { device: strange })).toBe(0);
    // Whoever has it approved, or stays on the phone that he had, notices nothing.
    expect(await asking(7, had, {})).toBe(had.length);
    expect(await asking(7, ['m61', 'm62'], {})).toBe(2);
  });

  it('does not become harmless by waiting: a device that only outlasted its time is strange for a month', async () => {
    const ask = shelf(await accounts(10), { ...campaign, moves: undefined });
    const waited = async (days: number) => {
      let given = 0;
      for (let n = 0; n < 10; n += 1) {
        for (const model of owned.slice(1, 8)) {
          const reason = await ask({ userId: `p1_u${n}`, device: strange }, model, at(days));
          given += reason === undefined ? 1 : 0;
        }
      }
      return given;
    };
    expect(await waited(5)).toBe(30);
    expect(await waited(31)).toBe(70);
  });
});

it('makes a newcomer of whoever comes back after a long pause, and not of who had a month off', async () => {
  const documents = memoryDocuments();
  const taken = async (usedAt: Date) => {
    const tally = { ...readTally(undefined, at(-300)), usedAt, items: { m9: usedAt.getTime() } };
    return documents.transaction(async (tx) => {
      const model = {
        ...modelDocument('m5'),
        versions: { '1.0.0': { ...VERSION, publishedAt: at(-100), revoked: false } },
      };
      const caller = {
        userId: 'p1_ann',
        exempt: false,
        fleet: null,
        restricted: false,
        phone: null,
        device: KNOWN_DEVICE,
        newModelsPerMonth: undefined,
      };
      const offered = { version: '1.0.0', isOnOffer: true };
      return openCollection(tx, caller, { model, tally }, offered, campaign, at(0));
    });
  };
  expect((await taken(at(-33))).facts).toMatchObject({ newcomer: false, charges: ['known'] });
  const back = await taken(at(-200));
  expect(back.facts).toMatchObject({ newcomer: true, charges: ['tail', 'rare'] });
  const written = back.writes.find(({ path }) => path === tallyPath('p1_ann'))?.data;
  expect(written).toMatchObject({ backSince: at(0) });
});
