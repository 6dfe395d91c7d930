/** `node scripts/release/main.ts`: carries out a release in Cloud Build (cloudbuild-deploy.yaml), or takes one back. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import { GoogleAuth } from 'google-auth-library';
import { FUNCTIONS } from '../../functions/registry.ts';
import { wholeNumber } from '../terminal/command-line.ts';
import { createCloudRun, type Place } from './cloud-run.ts';
import { createQuery, readings } from './readings.ts';
import { release, rollBack } from './release.ts';

interface Options {
  readonly project: string;
  readonly regions: readonly string[];
  readonly image: string;
}
interface DeployOptions extends Options {
  readonly domain: string;
  readonly stageSeconds: number;
}

const STAGES = [5, 25, 100];

const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
const token = async () => (await auth.getAccessToken()) ?? '';

/** The API runs in every region, what works in the background in the first: infra/functions.tf. */
const placesIn = ([first = '', ...others]: readonly string[]): readonly Place[] => [
  ...FUNCTIONS.map(({ name }) => ({ name, region: first })),
  ...FUNCTIONS.filter(({ trigger }) => trigger.kind === 'http').flatMap(({ name }) =>
    others.map((region) => ({ name, region })),
  ),
];

/** Rejects what is not an image of this project's own repository, by digest. */
function checkImage({ project, image }: Options): void {
  const own = new RegExp(
    `^[a-z0-9-]+-docker\\.pkg\\.dev/${project}/[\\w./-]+@sha256:[0-9a-f]{64}$`,
  );
  if (!own.test(image)) throw new RangeError(`not an image of ${project} by digest: ${image}`);
}

const program = new Command('release').description('Moves the functions to another image.');
const command = (name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .requiredOption('--project <id>', 'project')
    .addOption(
      new Option('--regions <names>', 'regions, the first one first, with spaces between')
        .argParser((text) => text.split(/\s+/).filter(Boolean))
        .makeOptionMandatory(),
    )
    .requiredOption('--image <image>', 'image by digest');

command('deploy', 'release an image in stages, and take it back where something goes wrong')
  .requiredOption('--domain <name>', 'host name of the API')
  .option('--stage-seconds <n>', 'how long each stage is watched', wholeNumber, 600)
  .action(async (options: DeployOptions) => {
    checkImage(options);
    const { project, regions, image, domain, stageSeconds } = options;
    const query = createQuery({ project, token });
    await release({
      places: placesIn(regions),
      image,
      stages: STAGES,
      run: createCloudRun({ project, token }),
      smoke: (stage) => smoke(`https://${stage === 'live' ? '' : 'candidate.'}${domain}`),
      readings: (revisions, seconds) => readings(query, revisions, seconds),
      stageSeconds,
      watch: () => sleep(stageSeconds * 1000),
      say: console.log,
    });
  });

command('rollback', 'move all traffic to the newest revisions of an earlier image').action(
  async (options: Options) => {
    checkImage(options);
    const { project, regions, image } = options;
    const run = createCloudRun({ project, token });
    const moved = await rollBack({ places: placesIn(regions), run, image });
    for (const [place, revision] of moved) console.log(`${place}: ${revision}`);
  },
);

async function smoke(url: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['scripts/smoke.ts', '--url', url]).catch(
    ({ stdout }: { stdout?: string }) => {
      throw new Error(`the smoke test failed:\n${stdout ?? ''}`);
    },
  );
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
