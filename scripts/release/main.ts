/** `node scripts/release/main.ts`: carries out a release in Cloud Build (cloudbuild-deploy.yaml). */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { FUNCTIONS } from '../../functions/registry.ts';
import { type Gcloud, release } from './release.ts';

const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    project: { type: 'string' },
    region: { type: 'string' },
    image: { type: 'string' },
    'candidate-url': { type: 'string' },
    'stage-seconds': { type: 'string', default: '600' },
  },
});
const { project, region, image, 'candidate-url': candidateUrl } = values;
if (!project || !region || !image?.includes('@sha256:') || !candidateUrl) {
  throw new RangeError('--project, --region, --image by digest and --candidate-url are needed');
}

const gcloud: Gcloud = async (...args) => {
  const { stdout } = await run('gcloud', [...args, `--project=${project}`]);
  return stdout;
};

/** By Cloud Monitoring's PromQL: responses of class 5xx among all, over the stage. */
async function errorRatio(revisions: readonly string[]): Promise<number | null> {
  const of = (more: string) =>
    `sum(increase(run_googleapis_com:request_count{monitored_resource="cloud_run_revision",revision_name=~"${revisions.join('|')}"${more}}[${values['stage-seconds']}s]))`;
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
  watch: () => sleep(Number(values['stage-seconds']) * 1000),
  say: console.log,
});
