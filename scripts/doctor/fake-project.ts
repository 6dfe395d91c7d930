/** A stand-in for `gcloud` of a project where all is well; tests change its answers for the worse. */

import { FUNCTIONS } from '../../functions/registry.ts';
import { DAY_MS } from '../../functions/time.ts';
import type { Project } from './check.ts';
import { readIndexFile } from './database-checks.ts';
import { CLASHES } from './policy-checks.ts';

const ID = 'healthy-project';
const REGION = 'europe-west3';
const CHANNEL = `projects/${ID}/notificationChannels/1`;

/** As infra/functions.tf has it, of ten at most. */
const mostOf = (trigger: (typeof FUNCTIONS)[number]['trigger']): string =>
  trigger.kind === 'schedule' || (trigger.kind === 'event' && trigger.source === 'orders')
    ? '2'
    : '10';

/** Answers by the words of the question, without its flags. */
export type Answers = Record<string, unknown>;

export function healthyAnswers(now: Date): Answers {
  const { fieldOverrides } = readIndexFile();
  const field = ({ collectionGroup, fieldPath }: (typeof fieldOverrides)[number]) =>
    `projects/${ID}/databases/(default)/collectionGroups/${collectionGroup}/fields/${fieldPath}`;
  const key = (name: string, more: object) => ({
    name: `projects/${ID}/locations/${REGION}/keyRings/modelseal/cryptoKeys/${name}`,
    versionTemplate: { protectionLevel: 'HSM' },
    ...more,
  });
  const rotating = {
    primary: { state: 'ENABLED' },
    rotationPeriod: '7776000s',
    nextRotationTime: new Date(now.getTime() + DAY_MS).toISOString(),
  };
  const quota = (quotaId: string, metric: string, value: string) => ({
    ...{ quotaId, metric, refreshInterval: 'minute' },
    dimensionsInfos: [{ dimensions: { region: REGION }, details: { value } }],
  });
  return {
    [`projects describe ${ID}`]: { projectId: ID, projectNumber: '42' },
    'run services list': FUNCTIONS.map(({ name, trigger, trigger: { kind } }) => ({
      metadata: {
        name,
        annotations:
          kind === 'http' || kind === 'console'
            ? {
                'run.googleapis.com/ingress':
                  kind === 'http' ? 'internal-and-cloud-load-balancing' : 'all',
                'run.googleapis.com/invoker-iam-disabled': 'true',
              }
            : { 'run.googleapis.com/ingress': 'internal' },
      },
      spec: {
        template: {
          metadata: { annotations: { 'autoscaling.knative.dev/maxScale': mostOf(trigger) } },
          spec: {
            containerConcurrency: 8,
            containers: [{ resources: { limits: { cpu: '1' } } }],
          },
        },
      },
    })),
    ...Object.fromEntries(
      FUNCTIONS.map(({ name, trigger }) => [
        `run services get-iam-policy ${name}`,
        trigger.kind === 'http' || trigger.kind === 'console'
          ? { etag: 'ACAB' }
          : { bindings: [{ role: 'roles/run.invoker', members: ['serviceAccount:caller'] }] },
      ]),
    ),
    'storage hmac list': [{ accessId: 'GOOG1EOLD', state: 'INACTIVE' }, { state: 'ACTIVE' }],
    'pubsub topics get-iam-policy dead-letters': {
      bindings: [{ role: 'roles/pubsub.publisher', members: ['serviceAccount:pubsub'] }],
    },
    'firestore fields ttls list': fieldOverrides
      .filter(({ ttl }) => ttl)
      .map((each) => ({ name: field(each), ttlConfig: { state: 'ACTIVE' } })),
    'firestore indexes fields list': fieldOverrides.map((each) => ({
      name: field(each),
      indexConfig: {},
    })),
    'firestore indexes composite list': [],
    'kms keys list': [
      key('vault', { purpose: 'ENCRYPT_DECRYPT', ...rotating }),
      key('data', { purpose: 'ENCRYPT_DECRYPT', ...rotating }),
      key('manifest', { purpose: 'ASYMMETRIC_SIGN' }),
      key('licence', { purpose: 'ASYMMETRIC_SIGN' }),
      key('device', { purpose: 'ASYMMETRIC_SIGN' }),
    ],
    'kms keys versions list': [{ state: 'DISABLED' }, { state: 'ENABLED' }],
    'scheduler jobs list': FUNCTIONS.filter(({ trigger }) => trigger.kind === 'schedule').map(
      ({ name }) => ({
        name: `projects/${ID}/locations/${REGION}/jobs/${name}`,
        state: 'ENABLED',
        lastAttemptTime: new Date(now.getTime() - 50_000).toISOString(),
        status: {},
      }),
    ),
    'beta monitoring channels list': [{ name: CHANNEL, enabled: true }],
    'alpha monitoring policies list': [
      { displayName: 'modelseal: dead letters', enabled: true, notificationChannels: [CHANNEL] },
    ],
    [`billing projects describe ${ID}`]: {
      billingEnabled: true,
      billingAccountName: 'billingAccounts/000000-000000-000000',
    },
    'billing budgets list': [{ budgetFilter: { projects: ['projects/42'] } }],
    'beta quotas info list run.googleapis.com': [
      quota('CpuAllocPerProjectRegion', 'run.googleapis.com/cpu_allocation', '200000'),
    ],
    'beta quotas info list cloudkms.googleapis.com': [
      quota('HsmTokens', 'cloudkms.googleapis.com/hsm_usage', '30000'),
    ],
    ...Object.fromEntries(
      Object.keys(CLASHES).map((name) => [`org-policies describe ${name}`, { spec: {} }]),
    ),
    'container binauthz policy export': {
      defaultAdmissionRule: {
        requireAttestationsBy: [`projects/${ID}/attestors/built-by-cloud-build`],
      },
    },
    [`container binauthz attestors describe projects/${ID}/attestors/built-by-cloud-build`]: {},
  };
}

/** A question that has no answer fails, as `gcloud` does; what was asked is in `asked`. */
export function fakeProject(answers: Answers, now: () => Date): Project & { asked: string[] } {
  const asked: string[] = [];
  return {
    id: ID,
    region: REGION,
    asked,
    gcloud: async (...args) => {
      const service = args.find((arg) => arg.startsWith('--service='))?.split('=')[1];
      const words = args.filter((arg) => !arg.startsWith('--'));
      const question = [...words, ...(service ? [service] : [])].join(' ');
      asked.push(args.join(' '));
      if (!(question in answers)) throw new Error(`gcloud: nothing is known of "${question}"`);
      return answers[question];
    },
    googleTime: async () => now(),
  };
}
