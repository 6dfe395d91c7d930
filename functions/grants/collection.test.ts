import { describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { STORY_START } from '../../test/fraud/story.ts';
import { readBaseline } from '../fraud/baseline.ts';
import { readTally, tallyPath } from '../fraud/tally.ts';
import { DAY_MS } from '../time.ts';
import { type CollectionCaller, openCollection } from './collection.ts';

const at = (days: number) => new Date(STORY_START + days * DAY_MS);
/** Nothing is common, and it is known since long. */
const baseline = readBaseline({
  ...{ at: at(0), learningSince: at(-40), uses: {}, common: ['m0'], activeUsers: {} },
  ...{ watchingSince: at(-30), charged: { tail: 7, rare: 70, known: 70 }, watchedMs: 14 * DAY_MS },
});
const campaign = { baseline, alert: undefined };

function shelf() {
  const documents = memoryDocuments();
  /** Asks for a model as a grant does; undefined where it is given, or why not. */
  return async (caller: Partial<CollectionCaller>, model: string, now: Date) => {
    const who: CollectionCaller = {
      ...{ userId: 'p1_ann', exempt: false, fleet: null, restricted: false },
      ...{ phone: null, newModelsPerMonth: undefined },
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
      const collection = await openCollection(tx, who, data, offered, campaign, now);
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

  it('does not bound whom an operator excepted', async () => {
    const ask = shelf();
    for (let n = 0; n < 60; n += 1) {
      expect(await ask({ fleet, exempt: true }, `m${n}`, at(0))).toBeUndefined();
    }
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
