/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
/** The reviewed list of who may do what. It changes only together with a review of why. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { functionTable, grantsOf } from './function-table.ts';
import { at, type Infrastructure, parseSources, readSources } from './terraform.ts';

const EVENTS = 'topic events: roles/pubsub.publisher';
const CHALLENGES = 'secret CHALLENGE_SECRET: roles/secretmanager.secretAccessor';
const PSEUDONYMS = 'secret PSEUDONYM_SECRET: roles/secretmanager.secretAccessor';
const DOCUMENTS = 'firestore: roles/datastore.user';
const DEVICE_KEY = 'key device: publicKeyReader';

const REVIEWED = {
  account: [DOCUMENTS, DEVICE_KEY, CHALLENGES, PSEUDONYMS, EVENTS],
  admin: [
    'bucket leaks: leakKeeper',
    DOCUMENTS,
    DEVICE_KEY,
    'key licence: publicKeyReader',
    'key manifest: publicKeyReader',
    'topic decisions: roles/pubsub.publisher',
    'topic orders: roles/pubsub.publisher',
  ],
  challenge: [CHALLENGES, PSEUDONYMS, EVENTS],
  enroll: [
    DOCUMENTS,
    DEVICE_KEY,
    'key device: roles/cloudkms.signer',
    'secret APPLE_RECEIPT_KEY: roles/secretmanager.secretAccessor',
    CHALLENGES,
    PSEUDONYMS,
    EVENTS,
  ],
  erasures: [
    'bucket intake: intakeEraser',
    'bucket sealed: objectEraser',
    'bucket vault: objectEraser',
    DOCUMENTS,
    PSEUDONYMS,
  ],
  grant: [
    'bucket sealed: sealedWriter',
    'bucket vault: roles/storage.objectViewer',
    DOCUMENTS,
    DEVICE_KEY,
    'key licence: roles/cloudkms.signer',
    'key manifest: publicKeyReader',
    'key vault: roles/cloudkms.cryptoKeyDecrypter',
    CHALLENGES,
    PSEUDONYMS,
    EVENTS,
  ],
  campaigns: [DOCUMENTS],
  keys: ['key licence: publicKeyReader', 'key manifest: publicKeyReader'],
  ledger: [DOCUMENTS],
  models: ['firestore: roles/datastore.viewer', PSEUDONYMS],
  publish: [
    'bucket intake: intakeConsumer',
    'bucket vault: vaultWriter',
    DOCUMENTS,
    'key manifest: publicKeyReader',
    'key manifest: roles/cloudkms.signer',
    'key vault: roles/cloudkms.cryptoKeyEncrypter',
    PSEUDONYMS,
  ],
  orders: [
    'bucket vault: vaultWriter',
    DOCUMENTS,
    'key manifest: publicKeyReader',
    'key manifest: roles/cloudkms.signer',
  ],
  rollouts: [
    'bucket vault: vaultWriter',
    DOCUMENTS,
    'key manifest: publicKeyReader',
    'key manifest: roles/cloudkms.signer',
    EVENTS,
  ],
  releases: [
    'bucket vault: vaultWriter',
    DOCUMENTS,
    'key manifest: publicKeyReader',
    'key manifest: roles/cloudkms.signer',
  ],
  revocations: [DOCUMENTS, EVENTS],
  receipts: [DOCUMENTS, 'secret APPLE_RECEIPT_KEY: roles/secretmanager.secretAccessor', EVENTS],
  renew: [
    'bucket vault: roles/storage.objectViewer',
    DOCUMENTS,
    DEVICE_KEY,
    'key licence: roles/cloudkms.signer',
    'key manifest: publicKeyReader',
    CHALLENGES,
    PSEUDONYMS,
    EVENTS,
  ],
  report: [DOCUMENTS, DEVICE_KEY, CHALLENGES, PSEUDONYMS, EVENTS],
  score: [
    DOCUMENTS,
    'topic dead-letters: roles/pubsub.publisher',
    'topic decisions: roles/pubsub.publisher',
  ],
  sweep: ['bucket sealed: sealedSweeper', DOCUMENTS, EVENTS],
  traces: [
    'bucket leaks: leakTracer',
    'bucket vault: roles/storage.objectViewer',
    DOCUMENTS,
    'key vault: roles/cloudkms.cryptoKeyDecrypter',
  ],
  'url-keys': [
    DOCUMENTS,
    'key vault: roles/cloudkms.cryptoKeyEncrypter',
    'secret URL_SIGNING_KEY: roles/secretmanager.secretAccessor',
  ],
};

/** Every resource that grants anything, with the role as it is written. */
const GRANTS: Readonly<Record<string, string>> = {
  'google_artifact_registry_repository_iam_member.release': '${each.value}',
  'google_bigquery_dataset_iam_member.analyst': 'roles/bigquery.dataViewer',
  'google_bigquery_dataset_iam_member.scan': 'roles/bigquery.dataViewer',
  'google_bigquery_dataset_iam_member.writer': 'roles/bigquery.dataEditor',
  'google_cloud_run_v2_service_iam_member.deploy': '${local.releaser_role}',
  'google_cloud_run_v2_service_iam_member.invoker': 'roles/run.invoker',
  'google_kms_crypto_key_iam_member.data': 'roles/cloudkms.cryptoKeyEncrypterDecrypter',
  'google_kms_crypto_key_iam_member.function': '${each.value.role}',
  'google_kms_crypto_key_iam_member.public_keys': '${local.public_key_role}',
  'google_project_iam_member.analyst_jobs': 'roles/bigquery.jobUser',
  'google_project_iam_member.eventarc': 'roles/eventarc.eventReceiver',
  'google_project_iam_member.firestore': '${each.value}',
  'google_project_iam_member.scan': '${each.key}',
  'google_project_iam_member.storage_notifications': 'roles/pubsub.publisher',
  'google_pubsub_subscription_iam_member.dead_letters_agent': 'roles/pubsub.subscriber',
  'google_pubsub_topic_iam_member.build_asks_for_release': 'roles/pubsub.publisher',
  'google_pubsub_topic_iam_member.dead_letters_agent': 'roles/pubsub.publisher',
  'google_pubsub_topic_iam_member.function': 'roles/pubsub.publisher',
  'google_secret_manager_secret_iam_member.function': 'roles/secretmanager.secretAccessor',
  'google_secret_manager_secret_iam_member.smoke': 'roles/secretmanager.secretAccessor',
  'google_service_account_iam_member.deploy_acts_as': 'roles/iam.serviceAccountUser',
  'google_service_account_iam_member.push_tokens': 'roles/iam.serviceAccountTokenCreator',
  'google_storage_bucket_iam_member.function':
    '${startswith(each.value.role, "roles/") ? each.value.role : local.object_roles[each.value.role]}',
  'google_storage_bucket_iam_member.url_reader': '${local.object_roles["sealedReader"]}',
  'google_storage_bucket_iam_member.intake_writers': 'roles/storage.objectCreator',
};

let infra: Infrastructure;
beforeAll(async () => {
  infra = await parseSources(await readSources());
});

describe('access', () => {
  it('of each function is what was reviewed', () => {
    expect(grantsOf(functionTable(infra))).toEqual(REVIEWED);
  });

  it('is granted by no other resource and with no other role', () => {
    const granted = infra.resources
      .filter(({ type }) => /_iam_(?:member|binding|policy)$/.test(type))
      .map(({ address, body }) => [address, body['role']]);
    expect(Object.fromEntries(granted)).toEqual(GRANTS);
  });

  it('by custom roles is to the letter', () => {
    const role = (name: string) =>
      infra.resources.find(({ address }) => address === `google_project_iam_custom_role.${name}`);
    expect(role('object')?.body['for_each']).toEqual({
      sealedWriter: ['storage.objects.create', 'storage.objects.delete'],
      sealedReader: ['storage.objects.get'],
      sealedSweeper: ['storage.objects.delete', 'storage.objects.list'],
      vaultWriter: ['storage.objects.create', 'storage.objects.delete', 'storage.objects.get'],
      intakeConsumer: ['storage.objects.delete', 'storage.objects.get'],
      intakeEraser: ['storage.objects.delete', 'storage.objects.list'],
      objectEraser: ['storage.objects.delete'],
      leakKeeper: ['storage.objects.create', 'storage.objects.get'],
      leakTracer: ['storage.objects.create', 'storage.objects.delete', 'storage.objects.get'],
    });
    expect(role('public_key_reader')?.body['permissions']).toEqual([
      'cloudkms.cryptoKeyVersions.viewPublicKey',
    ]);
  });

  it('of the plan covers every kind of resource that there is', async () => {
    const steps = await readFile(join(import.meta.dirname, 'bootstrap/steps.tf'), 'utf8');
    const covered = [...steps.matchAll(/^ {4}(google_\w+)\s+= \[/gm)].map(([, type]) => type);
    const types = infra.resources.map(({ type }) => type);
    const made = new Set(types.filter((type) => type.startsWith('google_')));
    expect(covered.sort()).toEqual([...made].sort());
  });

  it('lets nobody but the console’s function order what is on offer, and never lets it sign', () => {
    const functions = functionTable(infra);
    const mayOrder = Object.entries(functions).filter(([, { access }]) =>
      access.topics.includes('orders'),
    );
    expect(mayOrder.map(([name]) => name)).toEqual(['admin']);
    expect(functions['admin']?.access.keys).toEqual({});
    expect(functions['admin']?.secrets).toEqual([]);
  });

  it('lets the console’s function bring leaks and fetch what was found, and alone; who traces signs nothing', () => {
    const functions = functionTable(infra);
    const reach = Object.entries(functions).filter(([, { access }]) => 'leaks' in access.buckets);
    expect(reach.map(([name]) => name).sort()).toEqual(['admin', 'traces']);
    expect(Object.keys(functions['admin']?.access.buckets ?? {})).toEqual(['leaks']);
    expect(Object.values(functions['traces']?.access.keys ?? {})).toEqual([
      'roles/cloudkms.cryptoKeyDecrypter',
    ]);
  });

  it('lets the grant function read models, and never sign their manifests', () => {
    const { grant } = functionTable(infra);
    expect(Object.keys(grant?.access.keys ?? {})).not.toContain('manifest');
    expect(at(grant?.access.keys, ['vault'])).toBe('roles/cloudkms.cryptoKeyDecrypter');
  });
});
