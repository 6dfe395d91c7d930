import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import { expiringCollections } from '../../infra/function-table.ts';
import { parseSources, readSources } from '../../infra/terraform.ts';
import { startStack } from '../../test/stack/stack.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { type Answers, fakeProject, healthyAnswers } from '../doctor/fake-project.ts';
import { diagnose, doctor } from './doctor.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const wrong = async (...args: Parameters<typeof diagnose>) =>
  (await diagnose(...args)).filter((finding) => finding.wrong !== undefined);

/** What is wrong with a project whose answers were changed, and what was asked of it. */
async function wrongAfter(change: (answers: Answers) => void) {
  const now = api.services.now();
  const answers = healthyAnswers(now);
  change(answers);
  const project = fakeProject(answers, api.services.now);
  return { findings: await wrong(api.services, project), asked: project.asked };
}

/** The entry of a list that is called so. */
const named = (answers: Answers, question: string, name: string): Record<string, unknown> => {
  const found = (answers[question] as Record<string, unknown>[]).find((each) =>
    String((each['metadata'] as { name?: string })?.name ?? each['name']).endsWith(name),
  );
  if (!found) throw new Error(`${question} has no ${name}`);
  return found;
};

describe('doctor', () => {
  it('finds nothing wrong where all is well', async () => {
    expect(await wrong(api.services)).toEqual([]);
  });

  it('finds a local stack sound, and says what it did not look at', async () => {
    const stack = await startStack({ inMemory: true });
    try {
      const lines: string[] = [];
      const services = await createServices(
        loadConfig(stack.environment),
        { name: 'doctor', secrets: [] },
        stack.clients,
        () => undefined,
      );
      // A first look loads the clients: under Jest that takes longer than a call may.
      await doctor(services, () => undefined);
      await doctor(services, (line) => lines.push(line));
      expect(lines.filter((line) => line.startsWith('✗'))).toEqual([]);
      expect(lines.filter((line) => line.startsWith('✓')).length).toBeGreaterThan(6);
      expect(lines.at(-1)).toContain('a local stack');
    } finally {
      await stack.stop();
    }
  });

  it('finds what fails, and says the remedy', async () => {
    const urls = { signReadUrl: async () => Promise.reject(new Error('no key of the day')) };
    const [today, tomorrow, ...more] = await wrong({ ...api.services, urls });
    expect(more).toEqual([]);
    expect(today).toMatchObject({
      wrong: 'no key of the day',
      remedy: 'gcloud scheduler jobs run url-keys',
    });
    expect(tomorrow?.check).toBe('URLs can be signed tomorrow');
  });

  it.each(['manifest', 'licence', 'device'] as const)(
    'finds chosen versions of the %s key that are not there',
    async (missing) => {
      const { keys } = api.services;
      const publicKeys: typeof keys.publicKeys = async (key) => {
        if (key === missing) throw new Error('version 2 is not there');
        return keys.publicKeys(key);
      };
      const findings = await wrong({ ...api.services, keys: { ...keys, publicKeys } });
      expect(findings.map(({ check }) => check)).toEqual([
        `the chosen versions of the ${missing} key are there`,
      ]);
    },
  );

  it('finds objects that outlive their time', async () => {
    const objects = {
      ...api.services.objects,
      async *list() {
        yield {
          ...{ name: 'old', sizeBytes: 1, generation: '1', metadata: {} },
          createdAt: new Date('2020-01-01T00:00:00Z'),
        };
      },
    };
    const [finding] = await wrong({ ...api.services, objects });
    expect(finding?.remedy).toBe('gcloud scheduler jobs run sweep');
  });
});

describe('doctor, in a project', () => {
  it('finds nothing wrong where all is well, and asks each question once', async () => {
    const { findings, asked } = await wrongAfter(() => undefined);
    expect(findings).toEqual([]);
    expect(asked).toEqual([...new Set(asked)]);
  });

  it('looks at every function, collection and job that there is', async () => {
    const project = fakeProject({}, api.services.now);
    const findings = await wrong(api.services, project);
    const checks = findings.map(({ check }) => check);
    for (const collection of expiringCollections(await parseSources(await readSources()))) {
      expect(checks).toContain(`${collection} are deleted at their end`);
    }
    for (const { name, trigger } of FUNCTIONS) {
      expect(checks.some((check) => check.startsWith(`${name} is reached only`))).toBe(
        trigger.kind !== 'console',
      );
      if (trigger.kind === 'schedule') expect(checks).toContain(`the job ${name} is enabled`);
    }
    expect(findings.filter(({ remedy }) => !remedy)).toEqual([]);
  });

  it.each<[string, (answers: Answers) => void, string]>([
    [
      'somebody may call score',
      (a) => {
        a['run services get-iam-policy score'] = {};
      },
      'gcloud run services add-iam-policy-binding score',
    ],
    [
      'sweep is reached only by its caller',
      (a) => {
        a['run services get-iam-policy sweep'] = {
          bindings: [{ role: 'roles/run.invoker', members: ['serviceAccount:x', 'allUsers'] }],
        };
      },
      '--ingress=internal --invoker-iam-check',
    ],
    [
      'grant is reached only through the load balancer',
      (a) => {
        named(a, 'run services list', 'grant')['metadata'] = {
          name: 'grant',
          annotations: { 'run.googleapis.com/ingress': 'all' },
        };
      },
      'gcloud run services update grant --region=europe-west3 --ingress=internal-and-cloud-load-balancing',
    ],
    [
      'the account that URLs act as has an HMAC key that works',
      (a) => {
        a['storage hmac list'] = [{ accessId: 'GOOG1EOLD', state: 'INACTIVE' }];
      },
      'gcloud storage hmac update ACCESS_ID --activate',
    ],
    [
      'Pub/Sub may write dead letters',
      (a) => {
        a['pubsub topics get-iam-policy dead-letters'] = {};
      },
      'gcloud pubsub topics add-iam-policy-binding dead-letters',
    ],
    [
      'outbox are deleted at their end',
      (a) => {
        named(a, 'firestore fields ttls list', 'outbox/fields/expireAt')['ttlConfig'] = {
          state: 'CREATING',
        };
      },
      '--collection-group=outbox --enable-ttl',
    ],
    [
      'ledger.leaves has no index',
      (a) => {
        named(a, 'firestore indexes fields list', 'ledger/fields/leaves')['indexConfig'] = {
          indexes: [{ state: 'READY' }],
        };
      },
      'gcloud firestore indexes fields update leaves --collection-group=ledger --disable-indexes',
    ],
    [
      "the vault key's primary version is enabled",
      (a) => {
        named(a, 'kms keys list', 'vault')['primary'] = { state: 'DESTROY_SCHEDULED' };
      },
      '--primary',
    ],
    [
      'the data key rotates within 90 days',
      (a) => {
        named(a, 'kms keys list', 'data')['nextRotationTime'] = '2020-01-01T00:00:00Z';
      },
      '--rotation-period=90d',
    ],
    [
      'new versions of the device key are made in hardware',
      (a) => {
        named(a, 'kms keys list', 'device')['versionTemplate'] = { protectionLevel: 'SOFTWARE' };
      },
      'terraform plan',
    ],
    [
      'new versions of the licence key are made in hardware',
      (a) => {
        named(a, 'kms keys list', 'licence')['versionTemplate'] = { protectionLevel: 'SOFTWARE' };
      },
      'terraform plan',
    ],
    [
      'the job ledger is enabled',
      (a) => {
        named(a, 'scheduler jobs list', 'ledger')['state'] = 'PAUSED';
      },
      'gcloud scheduler jobs resume ledger',
    ],
    [
      'the job erasures ran well the last time',
      (a) => {
        named(a, 'scheduler jobs list', 'erasures')['status'] = { code: 13 };
      },
      'gcloud scheduler jobs run erasures',
    ],
    [
      'the job sweep ran well the last time',
      (a) => {
        named(a, 'scheduler jobs list', 'sweep')['lastAttemptTime'] = '2020-01-01T00:00:00Z';
      },
      'gcloud scheduler jobs run sweep',
    ],
    [
      'every alert is on, and reaches somebody',
      (a) => {
        named(a, 'beta monitoring channels list', '1')['name'] = 'another';
      },
      'gcloud alpha monitoring policies update',
    ],
    [
      'Firestore is not held to the free tier: billing is on',
      (a) => {
        a['billing projects describe healthy-project'] = {
          billingEnabled: false,
          billingAccountName: 'billingAccounts/000000-000000-000000',
        };
      },
      'gcloud billing projects link',
    ],
    [
      'a budget watches the cost',
      (a) => {
        a['billing budgets list'] = [{ budgetFilter: { projects: ['projects/7'] } }];
      },
      'terraform apply',
    ],
    [
      'no organisation policy run.managed.requireInvokerIam is in the way',
      (a) => {
        a['org-policies describe run.managed.requireInvokerIam'] = {
          spec: { rules: [{ enforce: true }] },
        };
      },
      'gcloud org-policies describe run.managed.requireInvokerIam --effective',
    ],
    [
      'Cloud Run has room for every instance',
      (a) => {
        named(a, 'run services list', 'grant')['spec'] = {
          template: {
            metadata: { annotations: { 'autoscaling.knative.dev/maxScale': '300' } },
            spec: { containerConcurrency: 1, containers: [] },
          },
        };
      },
      '--service=run.googleapis.com',
    ],
    [
      'whoever must attest images is there',
      (a) => {
        delete a[
          'container binauthz attestors describe projects/healthy-project/attestors/built-by-cloud-build'
        ];
      },
      'gcloud builds triggers run modelseal-release',
    ],
  ])('finds where it does not hold that %s', async (check, change, remedy) => {
    const { findings } = await wrongAfter(change);
    expect(findings).toEqual([
      { check, wrong: expect.any(String), remedy: expect.stringContaining(remedy) },
    ]);
  });

  it('finds a clock that is off', async () => {
    const answers = healthyAnswers(api.services.now());
    const project = {
      ...fakeProject(answers, api.services.now),
      googleTime: async () => new Date(api.services.now().getTime() + 60_000),
    };
    expect(await wrong(api.services, project)).toMatchObject([
      { check: 'this clock is right', wrong: 'it is 60 s off' },
    ]);
  });
});
