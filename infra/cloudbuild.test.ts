/** The build files: their form, their order, and that every substitution is one. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';

// The members of a Build (https://cloud.google.com/build/docs/build-config-file-schema) that we use.
const step = z.strictObject({
  id: z.string(),
  name: z.string(),
  entrypoint: z.string().optional(),
  args: z.array(z.string()).min(1),
  dir: z.string().optional(),
  waitFor: z.array(z.string()).optional(),
  secretEnv: z.array(z.string()).optional(),
  env: z.array(z.string()).optional(),
});
const build = z.strictObject({
  steps: z.array(step).min(1),
  images: z.array(z.string()).optional(),
  artifacts: z
    .strictObject({
      objects: z.strictObject({ location: z.string(), paths: z.array(z.string()) }),
    })
    .optional(),
  availableSecrets: z
    .strictObject({
      secretManager: z.array(z.strictObject({ versionName: z.string(), env: z.string() })),
    })
    .optional(),
  substitutions: z.record(z.string().regex(/^_[A-Z0-9_]+$/), z.string()).default({}),
  options: z.strictObject({
    requestedVerifyOption: z.literal('VERIFIED').optional(),
    dynamicSubstitutions: z.boolean().optional(),
    logging: z.literal('CLOUD_LOGGING_ONLY'),
    machineType: z.string().optional(),
  }),
  timeout: z.string().regex(/^\d+s$/),
});
type Build = z.infer<typeof build>;

const BUILT_IN = [
  'PROJECT_ID',
  'PROJECT_NUMBER',
  'BUILD_ID',
  'COMMIT_SHA',
  'SHORT_SHA',
  'LOCATION',
];

/** Substitutions that a build uses and has not, and that it has and does not use. */
function substitutionFaults(text: string, parsed: Build): readonly string[] {
  const own = Object.keys(parsed.substitutions);
  const body = text.replaceAll('$$', '');
  const used = [...body.matchAll(/\$\{?([A-Z_][A-Z0-9_]*)\}?/g)].map(([, name = '']) => name);
  return [
    ...used.filter((name) => !own.includes(name) && !BUILT_IN.includes(name)),
    ...own.filter((name) => !used.includes(name)),
  ];
}

const FILES = ['brake', 'deploy', 'drift', 'pr', 'smoke'].map((name) => `cloudbuild-${name}.yaml`);

describe.each(['cloudbuild.yaml', ...FILES])('%s', (file) => {
  let text: string;
  let parsed: Build;
  beforeAll(async () => {
    text = await readFile(file, 'utf8');
    parsed = build.parse(parse(text));
  });

  it('waits only for steps that come before', () => {
    parsed.steps.forEach(({ waitFor = [] }, index) => {
      const before = parsed.steps.slice(0, index).map(({ id }) => id);
      expect(waitFor.filter((id) => id !== '-' && !before.includes(id))).toEqual([]);
    });
  });

  it('uses the substitutions that it has, and no other', () => {
    expect(substitutionFaults(text, parsed)).toEqual([]);
  });

  it('reads only secrets that it declares', () => {
    const declared = parsed.availableSecrets?.secretManager.map(({ env }) => env) ?? [];
    expect(parsed.steps.flatMap(({ secretEnv = [] }) => secretEnv)).toEqual(declared);
  });
});

const read = async (file: string) => build.parse(parse(await readFile(file, 'utf8')));

describe('the pull-request build', () => {
  it('changes nothing, and needs nothing of the project', async () => {
    const { steps, images, availableSecrets, artifacts } = await read('cloudbuild-pr.yaml');
    const text = JSON.stringify(steps);
    expect(text).not.toMatch(/\bpush\b|deploy|tofu apply|update-traffic|PROJECT_ID|backend-config/);
    expect({ images, availableSecrets, artifacts }).toEqual({});
  });
});

describe('the drift build', () => {
  it('plans and applies nothing', async () => {
    const text = JSON.stringify((await read('cloudbuild-drift.yaml')).steps);
    expect(text).toContain('-detailed-exitcode');
    expect(text).not.toMatch(/apply|destroy|import/);
  });
});

describe('the brake', () => {
  it('turns on the rule that infra/armor.tf keeps for it', async () => {
    const text = JSON.stringify((await read('cloudbuild-brake.yaml')).steps);
    const [, priority] =
      /brake = \{\s+priority\s+= (\d+)/.exec(await readFile('infra/armor.tf', 'utf8')) ?? [];
    expect(text).toContain(
      `rules update ${priority} --security-policy=modelseal-edge --no-preview`,
    );
  });
});

describe('every build', () => {
  it('is what a trigger of infra/builds.tf or infra/budget.tf runs, as an account that has its steps', async () => {
    const terraform = (
      await Promise.all(['builds.tf', 'budget.tf'].map((file) => readFile(`infra/${file}`, 'utf8')))
    ).join('\n');
    const named = [...terraform.matchAll(/"(cloudbuild[a-z-]*\.yaml)"/g)].map(([, file]) => file);
    expect([...new Set(named)].sort()).toEqual(['cloudbuild.yaml', ...FILES].sort());
  });
});

describe('the release build', () => {
  it('lists the image that it deploys, with provenance, so that Cloud Build attests it', async () => {
    const { images, options, steps } = build.parse(
      parse(await readFile('cloudbuild.yaml', 'utf8')),
    );
    const built = steps
      .find(({ id }) => id === 'image')
      ?.args.find((arg) => arg.includes('--tag='));
    expect(images).toEqual([built?.split('=')[1]]);
    expect(options.requestedVerifyOption).toBe('VERIFIED');
    const { args } = steps.find(({ id }) => id === 'push') ?? { args: [] };
    expect(args.join('\n')).toContain(
      `docker inspect --format='{{index .RepoDigests 0}}' ${images?.[0]} `,
    );
  });

  it('gives each try a tag of its own, since tags are immutable', async () => {
    const { images, artifacts } = await read('cloudbuild.yaml');
    expect(images?.[0]).toContain('$BUILD_ID');
    expect(artifacts?.objects.location).toContain('$BUILD_ID');
  });

  it('asks for a release and starts no build itself', async () => {
    const { steps } = await read('cloudbuild.yaml');
    const text = JSON.stringify(steps);
    expect(text).toContain('gcloud pubsub topics publish release');
    expect(text).not.toMatch(/builds (?:submit|triggers)|run deploy|update-traffic/);
  });

  it('installs the image from its own lock file, without install scripts', async () => {
    const { steps } = await read('cloudbuild.yaml');
    const { args } = steps.find(({ id }) => id === 'build') ?? { args: [] };
    expect(args.join(' ')).toContain('cd dist && npm ci --omit=dev --ignore-scripts');
  });

  it.each(['npm run attack', 'npm run faults'])('tries the defence: %s', async (command) => {
    const { steps } = build.parse(parse(await readFile('cloudbuild.yaml', 'utf8')));
    const order = steps.map(({ id }) => id);
    const tried = steps.find(({ args }) => args.join(' ').includes(command));
    expect(order.indexOf(tried?.id ?? '')).toBeGreaterThan(order.indexOf('install'));
    const image = steps.find(({ id }) => id === 'image');
    expect(image?.waitFor).toContain(tried?.id);
  });

  it('is stopped where it takes more than twenty minutes', async () => {
    const { timeout } = build.parse(parse(await readFile('cloudbuild.yaml', 'utf8')));
    expect(Number.parseInt(timeout, 10)).toBeLessThanOrEqual(1200);
  });
});

describe('a wrong build', () => {
  it('is found', () => {
    const text = 'steps: [{ id: a, name: b, args: ["$_MISSING", "$PROJECT_ID"] }]';
    const parsed = {
      steps: [{ id: 'a', name: 'b', args: ['$_MISSING'] }],
      substitutions: { _UNUSED: '' },
      options: { logging: 'CLOUD_LOGGING_ONLY' },
      timeout: '1s',
    } as const;
    expect(substitutionFaults(text, parsed as unknown as Build)).toEqual(['_MISSING', '_UNUSED']);
    expect(build.safeParse({ ...parsed, stepz: [] }).success).toBe(false);
  });
});
