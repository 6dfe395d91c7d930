import { describe, expect, it } from '@jest/globals';
import { type Gcloud, type ReleaseOptions, release } from './release.ts';

/** A `gcloud` that knows two services, and what was asked of it. */
function setUp(changes: Partial<ReleaseOptions> = {}) {
  const calls: string[] = [];
  const said: string[] = [];
  const gcloud: Gcloud = async (...args) => {
    calls.push(args.join(' '));
    const name = args[args.indexOf('describe') + 1] ?? '';
    if (args[1] === 'deploy') {
      return JSON.stringify({ status: { latestCreatedRevisionName: `${args[2]}-new` } });
    }
    if (args.includes('describe')) {
      return JSON.stringify({
        status: { traffic: [{ percent: 100, revisionName: `${name}-old` }] },
      });
    }
    return '';
  };
  const options: ReleaseOptions = {
    functions: ['grant', 'keys'],
    region: 'europe-west3',
    image: 'functions@sha256:1',
    stages: [5, 25, 100],
    gcloud,
    smoke: async () => undefined,
    errorRatio: async () => 0,
    watch: async () => undefined,
    say: (line) => void said.push(line),
    ...changes,
  };
  const traffic = () => calls.filter((call) => call.includes('update-traffic'));
  return { options, calls, said, traffic };
}

const ROLLED_BACK = [
  'run services update-traffic grant --region=europe-west3 --quiet --to-revisions=grant-old=100',
  'run services update-traffic keys --region=europe-west3 --quiet --to-revisions=keys-old=100',
];

describe('release', () => {
  it('deploys without traffic, smokes, and moves the traffic in stages', async () => {
    const { options, calls, traffic } = setUp();
    await release(options);
    expect(calls[2]).toBe(
      'run deploy grant --region=europe-west3 --image=functions@sha256:1 --no-traffic --tag=candidate --quiet --format=json',
    );
    expect(traffic().map((call) => call.split('--to-revisions=')[1])).toEqual([
      'grant-new=5,grant-old=95',
      'keys-new=5,keys-old=95',
      'grant-new=25,grant-old=75',
      'keys-new=25,keys-old=75',
      'grant-new=100',
      'keys-new=100',
    ]);
  });

  it('gives a candidate that fails its smoke test no traffic at all', async () => {
    const smoke = async () => Promise.reject(new Error('step 3: grant'));
    const { options, traffic } = setUp({ smoke });
    await expect(release(options)).rejects.toThrow('step 3: grant');
    expect(traffic()).toEqual(ROLLED_BACK);
  });

  it('rolls back at more errors than it takes', async () => {
    const ratios = [0.001, 0.02];
    const { options, traffic, said } = setUp({ errorRatio: async () => ratios.shift() ?? null });
    await expect(release(options)).rejects.toThrow('2.0 % of the candidate');
    expect(traffic().slice(-2)).toEqual(ROLLED_BACK);
    expect(said).not.toContain('100 % of the traffic');
  });

  it('rolls back where a deployment fails half-way', async () => {
    const { options, traffic } = setUp();
    const gcloud: Gcloud = (...args) =>
      args[1] === 'deploy' && args[2] === 'keys'
        ? Promise.reject(new Error('the container did not start'))
        : options.gcloud(...args);
    await expect(release({ ...options, gcloud })).rejects.toThrow('did not start');
    expect(traffic()).toEqual(ROLLED_BACK);
  });

  it('does not start over a release that did not come to its end', async () => {
    const gcloud: Gcloud = async () =>
      JSON.stringify({
        status: {
          traffic: [
            { percent: 95, revisionName: 'a' },
            { percent: 5, revisionName: 'b' },
          ],
        },
      });
    const { options } = setUp({ gcloud });
    await expect(release(options)).rejects.toThrow('no revision has all the traffic');
  });
});
