/** What only a project of Google Cloud has, asked of `gcloud`. */
import type { Config } from '../../functions/config.ts';
import { accessChecks } from './access-checks.ts';
import { askedOnce, type Check, type Project } from './check.ts';
import { databaseChecks } from './database-checks.ts';
import { keyChecks } from './key-checks.ts';
import { operationsChecks } from './operations-checks.ts';
import { policyChecks } from './policy-checks.ts';
import { quotaChecks } from './quota-checks.ts';

/** A challenge lives five minutes, an Apple receipt less: seconds are what a clock may be off. */
const MAX_SKEW_MS = 5_000;

export function projectChecks(
  given: Project,
  config: Pick<Config, 'topics' | 'kmsKeys'>,
  now: () => Date,
): readonly Check[] {
  const project = { ...given, gcloud: askedOnce(given.gcloud) };
  const ring = config.kmsKeys.vault.split('/cryptoKeys/')[0] ?? '';
  return [
    {
      check: 'the project is the one that is meant',
      remedy: `gcloud config set project ${project.id}`,
      work: () => project.gcloud('projects', 'describe', project.id),
    },
    {
      check: 'this clock is right',
      remedy: 'sudo systemctl restart systemd-timesyncd',
      work: async () => {
        const skewMs = Math.abs((await project.googleTime()).getTime() - now().getTime());
        if (!(skewMs < MAX_SKEW_MS)) throw new Error(`it is ${Math.round(skewMs / 1000)} s off`);
      },
    },
    ...accessChecks(project, config.topics['dead-letters']),
    ...databaseChecks(project),
    ...keyChecks(project, ring, now),
    ...operationsChecks(project, now),
    ...policyChecks(project),
    ...quotaChecks(project),
    {
      // Cloud Build makes `built-by-cloud-build` with its first image in a project:
      // https://cloud.google.com/binary-authorization/docs/deploy-cloud-build
      check: 'whoever must attest images is there',
      remedy:
        'gcloud builds triggers run modelseal-release --branch=main   # the first image that Cloud Build makes brings its attestor',
      work: async () => {
        const policy = (await project.gcloud('container', 'binauthz', 'policy', 'export')) as {
          readonly defaultAdmissionRule?: { readonly requireAttestationsBy?: readonly string[] };
        };
        for (const attestor of policy.defaultAdmissionRule?.requireAttestationsBy ?? []) {
          await project.gcloud('container', 'binauthz', 'attestors', 'describe', attestor);
        }
      },
    },
  ];
}
