/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
/** Changes for the worse, each of which a check must find: that the checks can fail. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planChecks } from './checks.ts';
import type { GoogleDouble } from './google-double.ts';
import type { Tools } from './tools.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

/** What it is, the file, what is replaced (once), and by what. */
type Mutation = readonly [name: string, file: string, find: string, replacement: string];

const MUTATIONS: readonly Mutation[] = [
  // What runs.
  ['concurrency 1000', 'functions.tf', 'concurrency = 8', 'concurrency = 1000'],
  ['concurrency 1000 by default', 'functions.tf', 'concurrency = 40', 'concurrency = 1000'],
  ['a grant with 128 MiB', 'functions.tf', 'memory      = "1Gi"', 'memory      = "128Mi"'],
  ['half a processor', 'services.tf', 'cpu = "1"', 'cpu = "0.5"'],
  [
    'no end of instances',
    'services.tf',
    'max_instance_count = var.max_instances',
    'max_instance_count = 1000',
  ],
  ['grants that start cold', 'services.tf', 'var.environment == "prod" ? each.value.warm : 0', '0'],
  [
    'workers open to the internet',
    'services.tf',
    '"INGRESS_TRAFFIC_INTERNAL_ONLY"',
    '"INGRESS_TRAFFIC_ALL"',
  ],
  [
    'an API around the load balancer',
    'services.tf',
    '"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"',
    '"INGRESS_TRAFFIC_ALL"',
  ],
  [
    'workers that anybody calls',
    'services.tf',
    'invoker_iam_disabled = each.value.kind == "http"',
    'invoker_iam_disabled = true',
  ],
  ['any image', 'services.tf', 'for_each = var.require_signed_images ? [1] : []', 'for_each = []'],
  [
    'functions that a plan deletes',
    'services.tf',
    'deletion_protection = var.protect_data',
    'deletion_protection = false',
  ],
  [
    'one account for all',
    'services.tf',
    'google_service_account.function[each.value.function].email',
    'google_service_account.function["grant"].email',
  ],
  [
    'a function less',
    'services.tf',
    'for_each            = local.deployments',
    'for_each            = { for name, each in local.deployments : name => each if name != "ledger" }',
  ],
  // What it is told.
  [
    'VAULT_BUCKET is the sealed one',
    'environment.tf',
    '= google_storage_bucket.models["vault"].name',
    '= google_storage_bucket.models["sealed"].name',
  ],
  [
    'SEALED_BUCKET is the intake',
    'environment.tf',
    '= google_storage_bucket.models["sealed"].name',
    '= google_storage_bucket.models["intake"].name',
  ],
  [
    'KMS_MANIFEST_KEY is the licence key',
    'environment.tf',
    'local.key_names.manifest',
    'local.key_names.licence',
  ],
  [
    'nobody says which version signs',
    'environment.tf',
    'jsonencode(var.signing_keys)',
    'jsonencode({})',
  ],
  ['KMS_VAULT_KEY is the data key', 'environment.tf', 'local.key_names.vault', 'local.data_key'],
  [
    'FORWARDED_FOR_POSITION 1',
    'environment.tf',
    'FORWARDED_FOR_POSITION = 2',
    'FORWARDED_FOR_POSITION = 1',
  ],
  ['another database', 'environment.tf', 'google_firestore_database.modelseal.name', '"other"'],
  [
    'events among the dead letters',
    'environment.tf',
    'google_pubsub_topic.topic["events"].name',
    'google_pubsub_topic.topic["dead-letters"].name',
  ],
  [
    'a concurrency that is not meant',
    'services.tf',
    'value = each.value.concurrency',
    'value = 1000',
  ],
  [
    'secrets by the latest version',
    'services.tf',
    'version = var.secret_versions[env.value]',
    'version = "latest"',
  ],
  [
    'a secret too many',
    'services.tf',
    'concat(each.value.secrets,',
    'concat(["PSEUDONYM_SECRET", "CHALLENGE_SECRET", "APPLE_RECEIPT_KEY"],',
  ],
  // Data.
  [
    'a public bucket',
    'buckets.tf',
    'public_access_prevention    = "enforced"',
    'public_access_prevention    = "inherited"',
  ],
  [
    'buckets under a key of Google',
    'buckets.tf',
    'default_kms_key_name = local.data_key',
    'default_kms_key_name = ""',
  ],
  ['deliveries kept for a month', 'buckets.tf', 'each.value.keeps ? 2592000 : 0', '2592000'],
  ['a vault without versions', 'buckets.tf', 'enabled = each.value.keeps', 'enabled = false'],
  [
    'buckets destroyed with models in them',
    'buckets.tf',
    'force_destroy               = !var.protect_data',
    'force_destroy               = true',
  ],
  ['no order of key and bucket', 'buckets.tf', '  depends_on = [terraform_data.cmek_ready]\n', ''],
  [
    'no order of key and database',
    'firestore.tf',
    '  depends_on = [terraform_data.cmek_ready]\n',
    '',
  ],
  [
    'no wait for the grant of the key',
    'kms.tf',
    '[for member in google_kms_crypto_key_iam_member.data : member.member]',
    '[]',
  ],
  [
    'point-in-time recovery off',
    'firestore.tf',
    '? "POINT_IN_TIME_RECOVERY_ENABLED"',
    '? "POINT_IN_TIME_RECOVERY_DISABLED"',
  ],
  ['no backups', 'firestore.tf', 'count     = var.environment == "prod" ? 1 : 0', 'count     = 0'],
  [
    'a database that is deleted',
    'firestore.tf',
    'var.protect_data ? "DELETE_PROTECTION_ENABLED"',
    'var.protect_data ? "DELETE_PROTECTION_DISABLED"',
  ],
  ['software keys', 'kms.tf', 'protection_level = "HSM"', 'protection_level = "SOFTWARE"'],
  [
    'keys that rotate once a year',
    'kms.tf',
    'rotation_period = "7776000s"',
    'rotation_period = "31536000s"',
  ],
  [
    'keys destroyed at once',
    'kms.tf',
    'destroy_after   = "2592000s"',
    'destroy_after   = "86400s"',
  ],
  ['an agent without the key', 'agents.tf', '    firestore = local.identity.firestore\n', ''],
  [
    'secrets under a key of Google',
    'secrets.tf',
    'kms_key_name = local.data_keys[replicas.key]',
    'kms_key_name = local.key_names.vault',
  ],
  [
    'expiry of another field',
    'firestore.tf',
    'field      = "expireAt"',
    'field      = "createdAt"',
  ],
  // Events.
  [
    'a push for another audience',
    'pubsub.tf',
    'audience              = local.urls["score"]',
    'audience              = local.urls["grant"]',
  ],
  [
    'a push as another account',
    'pubsub.tf',
    'google_service_account.invoker["push"].email',
    'google_service_account.invoker["scheduler"].email',
  ],
  [
    'no dead letters',
    'pubsub.tf',
    'dead_letter_topic     = local.topic_names["dead-letters"]',
    'dead_letter_topic     = local.topic_names["decisions"]',
  ],
  ['a subscription that expires', 'pubsub.tf', 'ttl = ""', 'ttl = "86400s"'],
  ['events without a schema', 'pubsub.tf', 'schema = [local.schema_name] }', 'schema = [] }'],
  [
    'events sent again while they are scored',
    'pubsub.tf',
    'ack_deadline_seconds       = 60',
    'ack_deadline_seconds       = 10',
  ],
  [
    'a schedule for another audience',
    'triggers.tf',
    'audience              = local.urls[each.key]',
    'audience              = local.urls["sweep"]',
  ],
  [
    'a schedule that gives up',
    'triggers.tf',
    'attempt_deadline = each.value.timeout',
    'attempt_deadline = "15s"',
  ],
  [
    'models from another bucket',
    'triggers.tf',
    'google_storage_bucket.models["intake"].name',
    'google_storage_bucket.models["vault"].name',
  ],
  [
    'columns without the schema',
    'pubsub.tf',
    'use_topic_schema      = each.key == "events"',
    'use_topic_schema      = false',
  ],
  [
    'an agent that may not move dead letters',
    'iam.tf',
    'role         = "roles/pubsub.subscriber"',
    'role         = "roles/pubsub.viewer"',
  ],
  ['every database', 'iam.tf', 'databases/${var.database}', 'databases/*'],
  // The edge.
  ['rate limit × 1000', 'variables.tf', 'default     = 300\n', 'default     = 300000\n'],
  ['a carrier’s gateway × 1000', 'variables.tf', 'default     = 6000\n', 'default     = 6000000\n'],
  ['a ban of carriers', 'armor.tf', 'action     = "throttle"', 'action     = "rate_based_ban"'],
  [
    'no ban of floods',
    'armor.tf',
    'action = "rate_based_ban", count',
    'action = "throttle", count',
  ],
  ['rules that only look', 'armor.tf', 'preview     = rule.value.preview', 'preview     = true'],
  [
    'rules that only look in production',
    'examples/prod.tfvars',
    'waf_preview           = false',
    'waf_preview           = true',
  ],
  ['a brake that is on', 'armor.tf', 'preview    = true', 'preview    = false'],
  [
    'a backend without Cloud Armor',
    'edge.tf',
    'security_policy       = local.edge_policy',
    'security_policy       = null',
  ],
  [
    'a door without TLS',
    'edge.tf',
    'port_range            = "443"',
    'port_range            = "80"',
  ],
  ['TLS 1.0', 'edge.tf', 'min_tls_version = "TLS_1_2"', 'min_tls_version = "TLS_1_0"'],
  ['health pages nowhere', 'edge.tf', '[{ path = "/health/${name}", function = name }],', '[],'],
  // Releases.
  ['no approval', 'builds.tf', 'approval_required = true', 'approval_required = false'],
  [
    'a pull request as the deployer',
    'builds.tf',
    'service_account = local.account.check',
    'service_account = local.account.deploy',
  ],
  [
    'strangers’ pull requests',
    'builds.tf',
    'COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY',
    'COMMENTS_DISABLED',
  ],
  ['tags that move', 'release.tf', 'immutable_tags = true', 'immutable_tags = false'],
  [
    'a deployment that writes images',
    'release.tf',
    'deploy = "roles/artifactregistry.reader"',
    'deploy = "roles/artifactregistry.writer"',
  ],
  [
    'a releaser that deletes',
    'release.tf',
    '"run.services.update"]',
    '"run.services.update", "run.services.delete"]',
  ],
  [
    'pull requests that ask for releases',
    'release.tf',
    'member = "serviceAccount:${local.releasers.build}"',
    'member = "serviceAccount:${local.releasers.check}"',
  ],
  [
    'images that are only noticed',
    'release.tf',
    'ENFORCED_BLOCK_AND_AUDIT_LOG',
    'DRYRUN_AUDIT_LOG_ONLY',
  ],
  // Watching.
  [
    'the log not locked',
    'logs.tf',
    'locked         = var.environment == "prod"',
    'locked         = false',
  ],
  ['a log of a week', 'logs.tf', 'retention_days = 400', 'retention_days = 7'],
  ['reads that nobody logs', 'logs.tf', 'log_type = "DATA_READ"', 'log_type = "ADMIN_READ"'],
  [
    'alerts for nobody',
    'alerts.tf',
    'notification_channels = local.channels',
    'notification_channels = []',
  ],
  [
    'late scoring among all subscriptions',
    'alerts.tf',
    ' resource.label.subscription_id=\\"events-score\\"',
    '',
  ],
  [
    'a budget without a brake',
    'budget.tf',
    '    pubsub_topic                     = local.budget_topic\n',
    '',
  ],
  [
    'no order of metric and alert',
    'alerts.tf',
    'depends_on            = [terraform_data.metrics_ready]',
    'depends_on            = []',
  ],
  [
    'a look at the logs that tells nobody',
    'privacy.tf',
    'enable_failure_email = true',
    'enable_failure_email = false',
  ],
  // Places.
  [
    'a perimeter at once',
    'perimeter.tf',
    'for_each = var.enforce_perimeter ? [1] : []',
    'for_each = [1]',
  ],
  [
    'phones that read more than objects',
    'perimeter.tf',
    'operations = [{ service = "storage.googleapis.com", methods = ["google.storage.objects.get"] }]',
    'operations = local.all_methods',
  ],
  [
    'data in one of two regions',
    'buckets.tf',
    'location                    = local.places.data',
    'location                    = var.region',
  ],
  [
    'production unprotected',
    'variables.tf',
    'condition     = var.protect_data || var.environment != "prod"',
    'condition     = true',
  ],
  // The beginning.
  [
    'a plan account as editor',
    'bootstrap/accounts.tf',
    'role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.release[each.key].role_id}"',
    'role     = each.key == "plan" ? "roles/editor" : "projects/${var.project_id}/roles/${google_project_iam_custom_role.release[each.key].role_id}"',
  ],
  [
    'a plan that reads documents',
    'bootstrap/steps.tf',
    'google_firestore_database                      = ["datastore.databases.getMetadata"]',
    'google_firestore_database                      = ["datastore.entities.get"]',
  ],
  [
    'a pull request that reads the state',
    'bootstrap/steps.tf',
    'check = {\n      log = ["logging.logEntries.create"]',
    'check = {\n      log = ["logging.logEntries.create", "storage.objects.get"]',
  ],
  [
    'a plan that pays nothing',
    'bootstrap/steps.tf',
    'quota = ["serviceusage.services.use"]',
    'quota = []',
  ],
  ['a state without versions', 'bootstrap/state.tf', 'enabled = true', 'enabled = false'],
  [
    'a plan that writes the state',
    'bootstrap/accounts.tf',
    'role   = "roles/storage.objectViewer"',
    'role   = "roles/storage.objectAdmin"',
  ],
  ['no Play Integrity', 'bootstrap/apis.tf', '    "playintegrity",\n', ''],
  [
    'APIs in any order',
    'bootstrap/apis.tf',
    '  depends_on         = [google_project_service.first]\n',
    '',
  ],
  [
    'an agent that nobody makes',
    'bootstrap/agents.tf',
    'secretmanager        = "secrets under our key"\n',
    '',
  ],
];

/** Tries each in a copy of its own; tells of those that nothing finds. */
export async function prove(
  tools: Tools,
  google: GoogleDouble,
  tell: (name: string, fault: string | undefined) => void,
): Promise<void> {
  const workspace = await openWorkspace(tools);
  try {
    for (const mutation of MUTATIONS) {
      const found = await tried(workspace, google, mutation);
      tell(`found: ${mutation[0]}`, found ? undefined : 'every check is content with it');
    }
  } finally {
    await workspace.remove();
  }
}

async function tried(
  workspace: Workspace,
  google: GoogleDouble,
  [, file, find, replacement]: Mutation,
): Promise<boolean> {
  const path = join(workspace.folder, file);
  const text = await readFile(path, 'utf8');
  const changed = text.replace(find, () => replacement);
  if (changed === text) throw new RangeError(`${file} has no ${find}`);
  await writeFile(path, changed);
  try {
    const part = file.startsWith('bootstrap/') ? 'bootstrap' : undefined;
    for (const check of planChecks(workspace, google)) {
      if (check.part === part && (await check.work()) !== undefined) return true;
    }
    return false;
  } finally {
    await writeFile(path, text);
  }
}
