/** `node scripts/release/main.ts`: carries out a release in Cloud Build (cloudbuild-deploy.yaml). */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import { FUNCTIONS } from '../../functions/registry.ts';
import { wholeNumber } from '../terminal/command-line.ts';
import { type Gcloud, release } from './release.ts';

const run = promisify(execFile);

const { project, region, image, candidateUrl, stageSeconds } = new Command('release')
  .description('Carries out a release in Cloud Build.')
  .requiredOption('--project <id>', 'the project')
  .requiredOption('--region <region>', 'where the functions run')
  .requiredOption('--image <image>', 'the image, by its digest', byDigest)
  .requiredOption('--candidate-url <url>', 'where the new revisions can be tried')
  .option('--stage-seconds <seconds>', 'how long each stage is watched', wholeNumber, 600)
  .parse()
  .opts<
    Record<'project' | 'region' | 'image' | 'candidateUrl', string> & { stageSeconds: number }
  >();

function byDigest(image: string): string {
  if (!image.includes('@sha256:')) throw new InvalidArgumentError('It must be named by digest.');
  return image;
}

const gcloud: Gcloud = async (...args) => {
  const { stdout } = await run('gcloud', [...args, `--project=${project}`]);
  return stdout;
};

/** By Cloud Monitoring's PromQL: responses of class 5xx among all, over the stage. */
async function errorRatio(revisions: readonly string[]): Promise<number | null> {
  const of = (more: string) =>
    `sum(increase(run_googleapis_com:request_count{monitored_resource="cloud_run_revision",revision_name=~"${revisions.join('|')}"${more}}[${stageSeconds}s]))`;
  const query = `(${of(',response_code_class="5xx"')} or vector(0)) / ${of('')}`;
  const token = (await gcloud('auth', 'print-access-token')).trim();
  const url = `https://monitoring.googleapis.com/v1/projects/${project}/location/global/prometheus/api/v1/query`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: new URLSearchParams({ query }),
  });
  // Who cannot see must not go on.
  if (!response.ok) throw new Error(`Cloud Monitoring answered ${response.status}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  const value = Number(data.result[0]?.value[1] ?? Number.NaN);
  return Number.isNaN(value) ? null : value;
}

await release({
  functions: FUNCTIONS.map(({ name }) => name),
  region,
  image,
  stages: [5, 25, 100],
  gcloud,
  smoke: async () => {
    await run(process.execPath, ['scripts/smoke.ts', '--url', candidateUrl]).catch(
      ({ stdout }: { stdout?: string }) => {
        throw new Error(`the smoke test failed:\n${stdout ?? ''}`);
      },
    );
  },
  errorRatio,
  watch: () => sleep(stageSeconds * 1000),
  say: console.log,
});
