/** A release, drilled against a Cloud Run of our own: what stops it, and that everything is back afterwards. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type FakeCloudRun,
  startFakeCloudRun,
} from '../../test/doubles/cloud-run/fake-cloud-run.ts';
import { createCloudRun } from './cloud-run.ts';
import { NOTHING, type Reading, type Readings } from './judge.ts';
import { type ReleaseOptions, release, rollBack } from './release.ts';

const PLACES = ['grant', 'keys'].map((name) => ({ name, region: 'r' }));
const WELL: Reading = { requests: 100, errors: 0, refusals: { blocked: 5 }, latencyMs: 200 };

let fake: FakeCloudRun;
beforeEach(async () => {
  fake = await startFakeCloudRun(['grant', 'keys']);
});
afterEach(() => fake.close());

const all = (reading: Partial<Reading>, of = ['grant', 'keys']): Readings =>
  new Map(
    ['grant', 'keys'].map((name) => [
      `${name}@r`,
      of.includes(name) ? { ...WELL, ...reading } : WELL,
    ]),
  );

function setUp(changes: Partial<ReleaseOptions> = {}) {
  const said: string[] = [];
  const run = createCloudRun({
    ...{ project: 'p', token: async () => 't', endpoint: fake.endpoint, pollMs: 1 },
  });
  const options: ReleaseOptions = {
    ...{ places: PLACES, image: 'new', stages: [5, 25, 100], run, stageSeconds: 600 },
    smoke: async () => undefined,
    readings: async () => all({}),
    watch: async () => undefined,
    say: (line) => void said.push(line),
    ...changes,
  };
  return { options, said };
}

/** Readings of the hour before are well; each stage then has its own. */
function stages(...each: readonly Readings[]): ReleaseOptions['readings'] {
  const left = [all({}), ...each];
  return async () => left.shift() ?? all({});
}

const everythingIsBack = () => {
  expect(fake.traffic('grant')).toEqual({ 'grant-00001-old': 100 });
  expect(fake.traffic('keys')).toEqual({ 'keys-00001-old': 100 });
};

describe('a release', () => {
  it('makes revisions without traffic, tries them, and moves the traffic in stages', async () => {
    const seen: unknown[] = [];
    const watch = async () => void seen.push(fake.traffic('grant'));
    const smoked: string[] = [];
    const smoke = async (stage: string) => {
      smoked.push(`${stage} ${JSON.stringify(fake.traffic('grant'))}`);
    };
    const { options } = setUp({ watch, smoke });
    await release(options);
    expect(seen).toEqual([
      { 'grant-00002-new': 5, 'grant-00001-old': 95 },
      { 'grant-00002-new': 25, 'grant-00001-old': 75 },
      { 'grant-00002-new': 100 },
    ]);
    expect(smoked).toEqual(['candidate {"grant-00001-old":100}', 'live {"grant-00002-new":100}']);
    expect(fake.traffic('keys')).toEqual({ 'keys-00002-new': 100 });
  });

  it.each<[string, Readings]>([
    ['one function of which every request fails', all({ errors: 100 }, ['keys'])],
    ['grants that are all refused', all({ refusals: { attestation_stale: 100 } }, ['grant'])],
    ['a function that became slow', all({ latencyMs: 900 }, ['grant'])],
    ['a few errors in a quiet function', all({ requests: 3, errors: 3 }, ['keys'])],
  ])('is taken back at %s', async (_name, readings) => {
    const { options, said } = setUp({ readings: stages(all({}), readings) });
    await expect(release(options)).rejects.toThrow(/(?:grant|keys)@r: /);
    everythingIsBack();
    expect(said).toContain('25 % of the traffic');
    expect(said).not.toContain('100 % of the traffic');
  });

  it('goes on through what was there before: attacks, errors, a slow hour', async () => {
    const rough = { errors: 3, refusals: { blocked: 70 }, latencyMs: 2_000 };
    const { options } = setUp({ readings: async () => all(rough) });
    await release(options);
    expect(fake.traffic('grant')).toEqual({ 'grant-00002-new': 100 });
  });

  it('says of which function it saw too little', async () => {
    const { options, said } = setUp({
      readings: stages(
        new Map([
          ['grant@r', WELL],
          ['keys@r', NOTHING],
        ]),
      ),
    });
    await release(options);
    expect(said).toContain('too few requests to judge: keys@r');
  });

  it.each(['candidate', 'live'])(
    'is taken back where the smoke test of what is %s fails',
    async (at) => {
      const smoke = async (stage: string) => {
        if (stage === at) throw new Error('step 3: grant');
      };
      const { options } = setUp({ smoke });
      await expect(release(options)).rejects.toThrow('step 3: grant');
      everythingIsBack();
    },
  );

  it('is taken back where a container does not start', async () => {
    fake.broken.add('new');
    const { options } = setUp();
    await expect(release(options)).rejects.toThrow('did not start');
    everythingIsBack();
  });

  it('is taken back where nobody can see what it does', async () => {
    let asked = 0;
    const readings = async () => {
      asked += 1;
      if (asked > 1) throw new Error('Cloud Monitoring answered 403');
      return all({});
    };
    await expect(release(setUp({ readings }).options)).rejects.toThrow('403');
    everythingIsBack();
  });

  it('leaves no revision name behind that a later change would collide with', async () => {
    fake.deployNamed('grant', 'grant-by-hand', 'other');
    await release(setUp().options);
    await release(setUp({ image: 'newer' }).options);
    expect(fake.revisionNames('grant')).toEqual([
      'grant-00001-old',
      'grant-by-hand',
      'grant-00003-new',
      'grant-00004-new',
    ]);
  });

  it('does not start over a release that did not come to its end', async () => {
    const { options } = setUp();
    await release({ ...options, stages: [5], smoke: async () => undefined });
    await expect(release(options)).rejects.toThrow('no revision has all the traffic');
  });

  it('says which function it could not take back', async () => {
    const { options } = setUp({
      watch: async () => {
        fake.stuck.add('grant');
        throw new Error('enough');
      },
    });
    await expect(release(options)).rejects.toThrow('not rolled back: grant@r');
    expect(fake.traffic('keys')).toEqual({ 'keys-00001-old': 100 });
  });
});

describe('a rollback', () => {
  it('moves everything to the newest revisions of an earlier image', async () => {
    const { options } = setUp();
    await release(options);
    await rollBack({ ...options, image: 'old' });
    everythingIsBack();
  });

  it('moves nothing where one function never had that image', async () => {
    const { options } = setUp();
    await release(options);
    await expect(rollBack({ ...options, image: 'stranger' })).rejects.toThrow(
      'no ready revision of stranger',
    );
    expect(fake.traffic('grant')).toEqual({ 'grant-00002-new': 100 });
  });
});
