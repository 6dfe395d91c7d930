/**
 * `modelseal doctor`: what goes wrong most in a deployment, each finding with the command that mends
 * it. Works by the services that the functions use, so that it runs against the local stack, too;
 * what only a project of Google Cloud has is asked of `gcloud`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { FUNCTIONS } from '../../functions/index.ts';
import type { CommandServices } from './command-services.ts';

export interface Finding {
  readonly check: string;
  /** Undefined where all is well. */
  readonly wrong?: string;
  /** The command that mends it. */
  readonly mend?: string;
}

/** Runs `gcloud` with these arguments and gives its JSON. Rejects where it fails. */
export type GcloudJson = (...args: readonly string[]) => Promise<unknown>;

type Services = Pick<
  CommandServices,
  'config' | 'documents' | 'objects' | 'keys' | 'publisher' | 'randomBytes' | 'now'
>;

interface Check {
  readonly check: string;
  readonly mend: string;
  /** Rejects with what is wrong. */
  readonly work: () => Promise<unknown>;
}

/** All findings, the checks of the cloud's own set-up only where `gcloud` is given. */
export async function diagnose(
  services: Services,
  gcloud?: GcloudJson,
): Promise<readonly Finding[]> {
  const checks = [...serviceChecks(services), ...(gcloud ? projectChecks(services, gcloud) : [])];
  return Promise.all(
    checks.map(async ({ check, mend, work }): Promise<Finding> => {
      try {
        await work();
        return { check };
      } catch (error) {
        return { check, mend, wrong: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

function serviceChecks({
  config,
  documents,
  objects,
  keys,
  randomBytes,
  now,
}: Services): readonly Check[] {
  const { sealed, vault } = config.buckets;
  const ring = config.kmsKeys.vault.split('/cryptoKeys/')[0] ?? '';
  return [
    {
      check: 'the database answers',
      mend: 'terraform apply   # or give yourself roles/datastore.user',
      work: () => documents.get('models/doctor'),
    },
    {
      check: 'the vault is there',
      mend: `gcloud storage buckets describe gs://${vault}`,
      work: () => objects.stat(vault, 'doctor'),
    },
    {
      check: 'URLs can be signed by this account (signBlob)',
      mend: 'gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=serviceAccount:ACCOUNT --role=roles/iam.serviceAccountTokenCreator',
      work: () => objects.signReadUrl(sealed, 'doctor', new Date(now().getTime() + 60_000)),
    },
    {
      check: 'the vault key wraps and unwraps',
      mend: `gcloud kms keys versions list --key=vault --keyring=${ring}`,
      work: async () => {
        const secret = randomBytes(32);
        const aad = new TextEncoder().encode('modelseal/doctor');
        const opened = await keys.unwrap(await keys.wrap(secret, aad), aad);
        if (!Buffer.from(opened).equals(secret)) throw new Error('other bytes came back');
      },
    },
    ...(['manifest', 'licence'] as const).map((key) => ({
      check: `the ${key} key has an enabled version`,
      mend: `gcloud kms keys versions create --key=${key} --keyring=${ring}`,
      work: () => keys.publicKeys(key),
    })),
    {
      check: 'sealed objects end in time',
      mend: 'gcloud scheduler jobs run sweep',
      work: async () => {
        const late = new Date(now().getTime() - (config.sealedTtlSeconds + 600) * 1000);
        for await (const { createdAt } of objects.list(sealed, '')) {
          if (createdAt < late)
            throw new Error(`an object from ${createdAt.toISOString()} is left`);
          break;
        }
      },
    },
  ];
}

function projectChecks({ config }: Services, gcloud: GcloudJson): readonly Check[] {
  const { projectId } = config;
  const grantAccount = `fn-grant@${projectId}.iam.gserviceaccount.com`;
  const region = /\/locations\/([^/]+)\//.exec(config.kmsKeys.vault)?.[1] ?? '';
  const bindings = async (...resource: readonly string[]) =>
    ((await gcloud(...resource)) as { bindings?: readonly Binding[] }).bindings ?? [];
  const grants = (found: readonly Binding[], role: string) =>
    found.some((binding) => binding.role === role && binding.members.length > 0);
  const workers = FUNCTIONS.filter(({ trigger }) => trigger.kind !== 'http').map(
    ({ name }) => name,
  );
  return [
    ...workers.map((name) => ({
      check: `somebody may call ${name}`,
      mend: `gcloud run services add-iam-policy-binding ${name} --region=${region} --role=roles/run.invoker --member=serviceAccount:INVOKER`,
      work: async () => {
        const found = await bindings(
          'run',
          'services',
          'get-iam-policy',
          name,
          `--region=${region}`,
        );
        if (!grants(found, 'roles/run.invoker')) throw new Error('no account has run.invoker');
      },
    })),
    {
      check: 'the grant function may sign URLs as itself (signBlob)',
      mend: `gcloud iam service-accounts add-iam-policy-binding ${grantAccount} --member=serviceAccount:${grantAccount} --role=roles/iam.serviceAccountTokenCreator`,
      work: async () => {
        const found = await bindings('iam', 'service-accounts', 'get-iam-policy', grantAccount);
        const own = found.filter(({ members }) =>
          members.includes(`serviceAccount:${grantAccount}`),
        );
        if (!grants(own, 'roles/iam.serviceAccountTokenCreator')) throw new Error('it may not');
      },
    },
    {
      check: 'Pub/Sub may write dead letters',
      mend: 'gcloud pubsub topics add-iam-policy-binding dead-letters --role=roles/pubsub.publisher --member=serviceAccount:service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com',
      work: async () => {
        const found = await bindings(
          'pubsub',
          'topics',
          'get-iam-policy',
          config.topics['dead-letters'],
        );
        if (!grants(found, 'roles/pubsub.publisher')) throw new Error('nobody may publish there');
      },
    },
    ...EXPIRING.map((collection) => ({
      check: `${collection} are deleted at their end`,
      mend: `gcloud firestore fields ttls update expireAt --collection-group=${collection} --enable-ttl`,
      work: async () => {
        const fields = (await gcloud('firestore', 'fields', 'ttls', 'list')) as readonly TtlField[];
        const name = `/collectionGroups/${collection}/fields/expireAt`;
        const field = fields.find((each) => each.name.endsWith(name));
        if (field?.ttlConfig?.state !== 'ACTIVE') throw new Error('no active TTL policy');
      },
    })),
    {
      check: 'this clock is right',
      mend: 'sudo systemctl restart systemd-timesyncd',
      work: async () => {
        const response = await fetch('https://storage.googleapis.com/', { method: 'HEAD' });
        const skewMs = Math.abs(Date.parse(response.headers.get('date') ?? '') - Date.now());
        if (!(skewMs < 5_000)) throw new Error(`it is ${Math.round(skewMs / 1000)} s off`);
      },
    },
    {
      check: 'the project is the one that is meant',
      mend: `gcloud config set project ${projectId}`,
      work: () => gcloud('projects', 'describe', projectId),
    },
  ];
}

interface Binding {
  readonly role: string;
  readonly members: readonly string[];
}
interface TtlField {
  readonly name: string;
  readonly ttlConfig?: { readonly state?: string };
}

const EXPIRING = ['challenges', 'limits', 'grants', 'blocklist', 'risk', 'audit', 'erasures'];

/** Prints the findings; the number of things that are wrong. */
export async function doctor(services: Services, print: (line: string) => void): Promise<number> {
  const local = services.config.endpoints.kms !== undefined;
  const findings = await diagnose(
    services,
    local ? undefined : gcloudOf(services.config.projectId),
  );
  for (const { check, wrong, mend } of findings) {
    print(wrong === undefined ? `✓ ${check}` : `✗ ${check}: ${wrong}\n    ${mend}`);
  }
  if (local) print('  a local stack: what only a project of Google Cloud has was not looked at');
  return findings.filter(({ wrong }) => wrong !== undefined).length;
}

function gcloudOf(project: string): GcloudJson {
  const run = promisify(execFile);
  return async (...args) => {
    const { stdout } = await run('gcloud', [...args, `--project=${project}`, '--format=json']);
    return JSON.parse(stdout) as unknown;
  };
}
