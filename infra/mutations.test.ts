/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
/** The policy holds, and it is able to fail: each change for the worse turns one rule red. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { violationsOf } from './policy.ts';
import { parseSources, readSources } from './terraform.ts';

let sources: Readonly<Record<string, string>>;
beforeAll(async () => {
  sources = await readSources();
});

/** The violations after one edit; throws where the edit changes nothing. */
async function after(file: string, find: string | RegExp, replacement: string) {
  const text = sources[file] ?? '';
  const changed = text.replace(find, replacement);
  if (changed === text) throw new Error(`${file} has no ${String(find)}`);
  return violationsOf(await parseSources({ ...sources, [file]: changed }));
}

describe('the policy', () => {
  it('is kept', async () => {
    expect(violationsOf(await parseSources(sources))).toEqual([]);
  });

  it.each<[string, string, string | RegExp, string, string]>([
    [
      'a public bucket',
      'buckets.tf',
      'public_access_prevention    = "enforced"',
      'public_access_prevention    = "inherited"',
      'no bucket is public',
    ],
    [
      'a grant to everybody',
      'iam.tf',
      'member  = "serviceAccount:${local.service_agents.storage}"',
      'member = "allUsers"',
      'nothing is given to everybody',
    ],
    [
      'a binding instead of a member',
      'iam.tf',
      'resource "google_project_iam_member" "eventarc"',
      'resource "google_project_iam_binding" "eventarc"',
      'roles are given one by one',
    ],
    [
      'a topic under a key of Google',
      'pubsub.tf',
      /kms_key_name\s+= google_kms_crypto_key.data.id\n/,
      '',
      'stored data is under our key',
    ],
    [
      'a sealed bucket that keeps what is deleted',
      'buckets.tf',
      /retention_duration_seconds = 0(?![\s\S]*retention_duration_seconds = 0)/,
      'retention_duration_seconds = 604800',
      'deleted plaintext and deliveries are gone at once',
    ],
    [
      'a vault that may be destroyed',
      'buckets.tf',
      'prevent_destroy = true',
      'prevent_destroy = false',
      'the vault survives mistakes',
    ],
    [
      'a software key',
      'kms.tf',
      'protection_level = "HSM"',
      'protection_level = "SOFTWARE"',
      'keys are in hardware and outlive mistakes',
    ],
    [
      'a key that rotates once a year',
      'kms.tf',
      '7776000s',
      '31536000s',
      'symmetric keys rotate within 90 days',
    ],
    [
      'a subscription without dead letters',
      'pubsub.tf',
      /dead_letter_policy \{[^}]*\}/,
      '',
      'every delivery that fails ends in the dead letters',
    ],
    [
      'a subscription that expires',
      'pubsub.tf',
      /expiration_policy \{[^}]*\}/,
      '',
      'subscriptions do not expire',
    ],
    [
      'a topic that takes anything',
      'pubsub.tf',
      / {2}dynamic "schema_settings" \{[\s\S]*?\n {2}\}\n/,
      '',
      'events are held to their schema, and analysts get its columns',
    ],
    [
      'a schema by hand',
      'pubsub.tf',
      'file("${path.module}/pubsub/event.avsc")',
      'jsonencode({ type = "record", name = "Event", fields = [] })',
      'events are held to their schema, and analysts get its columns',
    ],
    [
      'a table without columns',
      'bigquery.tf',
      'file("${path.module}/bigquery/events_raw.json")',
      'jsonencode([])',
      'events are held to their schema, and analysts get its columns',
    ],
    [
      'an agent that may not move dead letters',
      'iam.tf',
      '"roles/pubsub.subscriber"',
      '"roles/pubsub.viewer"',
      'Pub/Sub may move what fails',
    ],
    [
      'an anonymous push',
      'pubsub.tf',
      /oidc_token \{[^}]*\}/,
      '',
      'pushes and schedules carry an identity',
    ],
    [
      'a function open to the internet',
      'functions.tf',
      '"INGRESS_TRAFFIC_INTERNAL_ONLY"',
      '"INGRESS_TRAFFIC_ALL"',
      'functions are reached only as intended',
    ],
    [
      'functions without a most of instances',
      'functions.tf',
      'max_instance_count = var.max_instances',
      '',
      'functions have an end',
    ],
    [
      'a scheduler that gives up before the function',
      'triggers.tf',
      'attempt_deadline = each.value.timeout',
      'attempt_deadline = "120s"',
      'a scheduled function is waited for as long as it may run',
    ],
    [
      'no ban of floods',
      'edge.tf',
      '"rate_based_ban"',
      '"throttle"',
      'the edge bans floods and takes only TLS',
    ],
    [
      'a door without TLS',
      'edge.tf',
      'port_range            = "443"',
      'port_range            = "80"',
      'the edge bans floods and takes only TLS',
    ],
    [
      'an attestor that nobody makes',
      'release.tf',
      'attestors/built-by-cloud-build',
      'attestors/built-by-us',
      'images run only if somebody who exists has attested them',
    ],
    [
      'images that are only noticed',
      'release.tf',
      'ENFORCED_BLOCK_AND_AUDIT_LOG',
      'DRYRUN_AUDIT_LOG_ONLY',
      'images run only if somebody who exists has attested them',
    ],
    [
      'functions that take any image',
      'functions.tf',
      / {2}dynamic "binary_authorization" \{[\s\S]*?\n {2}\}\n/,
      '',
      'images run only if somebody who exists has attested them',
    ],
    [
      'a key file of a service account',
      'release.tf',
      'resource "google_binary_authorization_policy" "attested"',
      'resource "google_service_account_key" "attested"',
      'secrets are in no state',
    ],
    [
      'no rules for the database',
      'firestore.tf',
      'resource "google_firebaserules_release" "firestore"',
      'resource "google_firebaserules_ruleset" "firestore"',
      'the database is denied to everybody else',
    ],
  ])('turns red at %s', async (_name, file, find, replacement, rule) => {
    const found = await after(file, find, replacement);
    expect(found.map((line) => line.split(':')[0])).toContain(rule);
  });

  it('names the line where a file is no HCL', async () => {
    const broken = { 'broken.tf': 'resource "a" "b" {\n  x = \n}\n' };
    await expect(parseSources(broken)).rejects.toThrow(/broken\.tf/);
  });
});
