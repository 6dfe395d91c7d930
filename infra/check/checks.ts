/** What infra/ must hold to, each as a question to the real tools. */

import { checkGcloudCommands } from './gcloud.ts';
import type { GoogleDouble } from './google-double.ts';
import { cycles, parseGraph, tooEarly } from './graph.ts';
import type { RunOptions, Workspace } from './workspace.ts';

export interface Check {
  readonly name: string;
  readonly part?: 'bootstrap';
  /** What is wrong; undefined where nothing is. */
  readonly work: () => Promise<string | undefined>;
}

const PROD = '-var-file=examples/prod.tfvars';
/** Each test file, and the variables of its plans. */
const TESTS: readonly (readonly [string, readonly string[], RunOptions?])[] = [
  ['prod', [PROD]],
  ['dev', ['-var-file=examples/dev.tfvars']],
  ['first', [PROD, '-var=image=']],
  ['regions', [PROD, '-var-file=examples/two-regions.tfvars']],
  ['bootstrap', [], { part: 'bootstrap' }],
];

/** The first is made after the second, or Google refuses it. */
const ORDER: readonly (readonly [string, string])[] = [
  ...[
    'google_storage_bucket.models',
    'google_firestore_database.modelseal',
    'google_pubsub_topic.topic',
    'google_pubsub_topic.signal',
    'google_bigquery_dataset.events',
    'google_secret_manager_secret.secret',
    'google_artifact_registry_repository.images',
  ].map((under): readonly [string, string] => [under, 'terraform_data.cmek_ready']),
  ['terraform_data.cmek_ready', 'google_kms_crypto_key_iam_member.data'],
  ['google_cloud_run_v2_service.function', 'terraform_data.access_ready'],
  ['terraform_data.access_ready', 'google_secret_manager_secret_iam_member.function'],
  ['google_monitoring_alert_policy.threshold', 'terraform_data.metrics_ready'],
  ['terraform_data.metrics_ready', 'google_logging_metric.count'],
  // Whom it reaches is known only when it is made; that it reaches somebody, by this.
  ...['threshold', 'absent', 'burn', 'probe', 'watch'].map((name): readonly [string, string] => [
    `google_monitoring_alert_policy.${name}`,
    'google_monitoring_notification_channel.email',
  ]),
  ['google_pubsub_schema.event', 'google_bigquery_table.raw'],
  ['google_pubsub_subscription.push', 'google_pubsub_topic_iam_member.dead_letters_agent'],
  ['google_pubsub_subscription.bigquery', 'google_bigquery_dataset_iam_member.writer'],
  ['google_eventarc_trigger.intake', 'google_project_iam_member.storage_notifications'],
];
const BOOTSTRAP_ORDER: readonly (readonly [string, string])[] = [
  ['google_project_service.api', 'google_project_service.first'],
  ['terraform_data.identity', 'terraform_data.apis_ready'],
  ['google_storage_bucket.own', 'terraform_data.apis_ready'],
  ['google_service_account.release', 'terraform_data.apis_ready'],
];

const faultOf = ({ ok, output }: { ok: boolean; output: string }): string | undefined =>
  ok ? undefined : output;

export async function checkOf(
  workspace: Workspace,
  google: GoogleDouble,
): Promise<readonly Check[]> {
  const run = (args: readonly string[], options?: RunOptions) => async () =>
    faultOf(await workspace.tofu([...args, '-no-color'], options));
  return [
    { name: 'formatted', work: run(['fmt', '-check', '-recursive', '-diff']) },
    { name: 'valid', work: run(['validate']) },
    { name: 'bootstrap is valid', work: run(['validate'], { part: 'bootstrap' }) },
    { name: 'gcloud takes every command that is told', work: checkGcloudCommands },
    ...planChecks(workspace, google),
  ];
}

/** Those that a mutation is held against, what costs least first: each says what is wrong with order or values. */
export function planChecks(workspace: Workspace, google: GoogleDouble): readonly Check[] {
  return [
    { name: 'made in the right order', work: () => orderOf(workspace, ORDER) },
    {
      part: 'bootstrap',
      name: 'bootstrap is made in the right order',
      work: () => orderOf(workspace, BOOTSTRAP_ORDER, { part: 'bootstrap' }),
    },
    ...TESTS.map(([name, variables, options = {}]) => ({
      ...options,
      name: `planned as ${name} must be`,
      work: async () =>
        faultOf(
          await workspace.tofu(
            ['test', `-filter=tests/${name}.tftest.hcl`, ...variables, '-no-color'],
            { ...options, env: google.env },
          ),
        ),
    })),
  ];
}

async function orderOf(
  workspace: Workspace,
  order: readonly (readonly [string, string])[],
  options?: RunOptions,
): Promise<string | undefined> {
  const { ok, output } = await workspace.tofu(['graph'], options);
  if (!ok) return output;
  const graph = parseGraph(output);
  const faults = [
    ...cycles(graph).map((node) => `${node} waits for itself`),
    ...tooEarly(graph, order).map(([later, earlier]) => `${later} does not wait for ${earlier}`),
  ];
  return faults.length > 0 ? faults.join('\n') : undefined;
}
