/** What every deployment must keep to. Each rule gives its violations in words; none is what we want. */
import { at, type Block, type Infrastructure, ofType, type Resource, setOf } from './terraform.ts';

type Rule = (infra: Infrastructure) => readonly string[];

const violations = (
  resources: readonly Resource[],
  holds: (resource: Resource) => boolean,
  words: string,
): readonly string[] =>
  resources.filter((each) => !holds(each)).map(({ address }) => `${address}: ${words}`);

const seconds = (value: unknown): number =>
  Number(/^(\d+)s$/.exec(String(value))?.[1] ?? Number.NaN);

const POLICY: Readonly<Record<string, Rule>> = {
  'no bucket is public': (infra) =>
    violations(
      ofType(infra, 'google_storage_bucket'),
      ({ body }) =>
        body['uniform_bucket_level_access'] === true &&
        body['public_access_prevention'] === 'enforced',
      'needs uniform access and public access prevention',
    ),

  'nothing is given to everybody': (infra) =>
    infra.resources
      .filter(({ type }) => /_iam_(?:member|binding|policy)$/.test(type))
      .filter(({ body }) => /allUsers|allAuthenticatedUsers/.test(JSON.stringify(body)))
      .map(({ address }) => `${address}: names everybody`),

  'roles are given one by one': (infra) =>
    infra.resources
      .filter(({ type }) => /_iam_(?:binding|policy)$/.test(type))
      .map(({ address }) => `${address}: replaces what others granted`),

  'stored data is under our key': (infra) => [
    ...violations(
      ofType(infra, 'google_storage_bucket'),
      ({ body }) => Boolean(at(body['encryption'], ['default_kms_key_name'])),
      'needs a key of ours',
    ),
    ...violations(
      ofType(infra, 'google_pubsub_topic'),
      ({ body }) => Boolean(body['kms_key_name']),
      'needs a key of ours',
    ),
    ...violations(
      ofType(infra, 'google_firestore_database'),
      ({ body }) => Boolean(at(body['cmek_config'], ['kms_key_name'])),
      'needs a key of ours',
    ),
  ],

  'deleted plaintext and deliveries are gone at once': (infra) =>
    violations(
      ofType(infra, 'google_storage_bucket').filter(({ name }) => name !== 'vault'),
      ({ body }) =>
        at(body['soft_delete_policy'], ['retention_duration_seconds']) === 0 &&
        at(body['lifecycle_rule'], ['condition', 'age']) === 1 &&
        !body['versioning'],
      'needs soft delete off, no versions, and a lifecycle of one day behind the sweep',
    ),

  'the vault survives mistakes': (infra) =>
    violations(
      ofType(infra, 'google_storage_bucket').filter(({ name }) => name === 'vault'),
      ({ body }) =>
        at(body['lifecycle'], ['prevent_destroy']) === true &&
        Number(at(body['soft_delete_policy'], ['retention_duration_seconds'])) >= 604_800,
      'needs prevent_destroy and a soft delete of a week',
    ),

  'keys are in hardware and outlive mistakes': (infra) =>
    violations(
      ofType(infra, 'google_kms_crypto_key'),
      ({ body }) =>
        at(body['version_template'], ['protection_level']) === 'HSM' &&
        at(body['lifecycle'], ['prevent_destroy']) === true &&
        seconds(body['destroy_scheduled_duration']) >= 30 * 86_400,
      'needs the HSM, prevent_destroy and 30 days before destruction',
    ),

  'symmetric keys rotate within 90 days': (infra) =>
    violations(
      ofType(infra, 'google_kms_crypto_key').filter(
        ({ body }) => body['purpose'] === 'ENCRYPT_DECRYPT',
      ),
      ({ body }) => seconds(body['rotation_period']) <= 90 * 86_400,
      'rotates too late',
    ),

  'every delivery that fails ends in the dead letters': (infra) =>
    violations(
      ofType(infra, 'google_pubsub_subscription').filter(({ name }) => name !== 'dead_letters'),
      ({ body }) =>
        at(body['dead_letter_policy'], ['dead_letter_topic']) ===
          `\${google_pubsub_topic.dead_letters.id}` &&
        Number(at(body['dead_letter_policy'], ['max_delivery_attempts'])) <= 10 &&
        Boolean(at(body['retry_policy'], ['minimum_backoff'])),
      'needs a dead letter policy and backoff',
    ),

  'events are held to their schema, and analysts get its columns': (infra) => [
    ...violations(
      ofType(infra, 'google_pubsub_schema'),
      ({ body }) =>
        body['type'] === 'AVRO' &&
        body['definition'] === `\${file("\${path.module}/pubsub/event.avsc")}`,
      'is not the schema that the code makes',
    ),
    ...violations(
      ofType(infra, 'google_pubsub_topic').filter(({ name }) => name === 'main'),
      ({ body }) => {
        const settings = (body['dynamic'] as Block | undefined)?.['schema_settings'];
        return (
          at(settings, ['content', 'encoding']) === 'JSON' &&
          at(settings, ['for_each']) ===
            `\${each.key == "events" ? [google_pubsub_schema.event.id] : []}`
        );
      },
      'takes messages without looking at them',
    ),
    ...violations(
      ofType(infra, 'google_pubsub_subscription').filter(({ name }) => name === 'bigquery'),
      ({ body }) =>
        at(body['bigquery_config'], ['use_topic_schema']) === `\${each.key == "events"}` &&
        at(body['bigquery_config'], ['write_metadata']) === true,
      'writes events without their columns',
    ),
    ...violations(
      ofType(infra, 'google_bigquery_table').filter(({ name }) => name === 'raw'),
      ({ body }) =>
        String(body['schema']).includes(`file("\${path.module}/bigquery/events_raw.json")`),
      'has other columns than the schema',
    ),
  ],

  'subscriptions do not expire': (infra) =>
    violations(
      ofType(infra, 'google_pubsub_subscription'),
      ({ body }) => at(body['expiration_policy'], ['ttl']) === '',
      'would be deleted after a quiet month',
    ),

  'Pub/Sub may move what fails': (infra) => {
    const granted = infra.resources.filter(({ name }) => name === 'dead_letters_agent');
    const text = JSON.stringify(granted.map(({ type, body }) => [type, body]));
    return ['roles/pubsub.publisher', 'roles/pubsub.subscriber']
      .filter((role) => !text.includes(role))
      .map((role) => `the Pub/Sub agent lacks ${role}: dead letters would be lost`);
  },

  'pushes and schedules carry an identity': (infra) => [
    ...violations(
      ofType(infra, 'google_pubsub_subscription').filter(({ body }) => body['push_config']),
      ({ body }) => Boolean(at(body['push_config'], ['oidc_token', 'service_account_email'])),
      'pushes without an identity token',
    ),
    ...violations(
      ofType(infra, 'google_cloud_scheduler_job'),
      ({ body }) => Boolean(at(body['http_target'], ['oidc_token', 'service_account_email'])),
      'calls without an identity token',
    ),
  ],

  'functions are reached only as intended': (infra) =>
    violations(
      ofType(infra, 'google_cloud_run_v2_service'),
      ({ body }) =>
        body['ingress'] ===
          `\${each.value.kind == "http" ? "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" : "INGRESS_TRAFFIC_INTERNAL_ONLY"}` &&
        body['invoker_iam_disabled'] === `\${each.value.kind == "http"}`,
      'is open to more than the load balancer or its caller',
    ),

  'functions have an end': (infra) =>
    violations(
      ofType(infra, 'google_cloud_run_v2_service'),
      ({ body }) =>
        Boolean(at(body['template'], ['scaling', 'max_instance_count'])) &&
        Boolean(at(body['template'], ['timeout'])) &&
        Boolean(at(body['template'], ['max_instance_request_concurrency'])),
      'needs a most of instances, of concurrency and of time',
    ),

  'a scheduled function is waited for as long as it may run': (infra) =>
    violations(
      ofType(infra, 'google_cloud_scheduler_job'),
      ({ body }) => body['attempt_deadline'] === `\${each.value.timeout}`,
      'gives up on what still works',
    ),

  'the edge bans floods and takes only TLS': (infra) => {
    const policy = ofType(infra, 'google_compute_security_policy')[0];
    const rules = JSON.stringify(policy?.body ?? {});
    const found: string[] = [];
    if (!rules.includes('rate_based_ban')) found.push('no rate-based ban');
    if (!rules.includes('content-length')) found.push('no limit of the body');
    for (const { address, body } of ofType(infra, 'google_compute_backend_service')) {
      if (!body['security_policy']) found.push(`${address}: without the security policy`);
    }
    for (const { address, body } of ofType(infra, 'google_compute_global_forwarding_rule')) {
      if (body['port_range'] !== '443') found.push(`${address}: not only port 443`);
    }
    return found;
  },

  'images run only if somebody who exists has attested them': (infra) => {
    const services = ofType(infra, 'google_project_service').flatMap(({ body }) =>
      setOf(body['for_each']),
    );
    const needed = ['cloudbuild', 'containeranalysis', 'binaryauthorization'];
    const missing = needed.filter((name) => !services.includes(`${name}.googleapis.com`));
    return [
      // Cloud Build makes its attestor itself; it needs these.
      ...missing.map((name) => `${name}.googleapis.com: without it Cloud Build attests nothing`),
      ...violations(
        ofType(infra, 'google_cloud_run_v2_service'),
        ({ body }) =>
          JSON.stringify(body['dynamic'] ?? {}).includes('binary_authorization') &&
          JSON.stringify(body['dynamic']).includes('var.require_signed_images'),
        'is not held to the policy',
      ),
      ...violations(
        ofType(infra, 'google_binary_authorization_policy'),
        ({ body }) =>
          JSON.stringify(at(body['default_admission_rule'], ['require_attestations_by'])) ===
            JSON.stringify([`projects/\${var.project_id}/attestors/built-by-cloud-build`]) &&
          at(body['default_admission_rule'], ['evaluation_mode']) === 'REQUIRE_ATTESTATION' &&
          at(body['default_admission_rule'], ['enforcement_mode']) ===
            'ENFORCED_BLOCK_AND_AUDIT_LOG',
        'asks for an attestor that nobody makes, or does not insist',
      ),
    ];
  },

  'secrets are in no state': (infra) =>
    infra.resources
      .filter(({ type }) =>
        ['google_secret_manager_secret_version', 'google_service_account_key'].includes(type),
      )
      .map(({ address }) => `${address}: puts a secret into the state`),

  'the database is denied to everybody else': (infra) =>
    ofType(infra, 'google_firebaserules_release').length === 1 &&
    infra.text.includes(`file("\${path.module}/firestore.rules")`)
      ? []
      : ['no deny-all rules are released'],
};

/** All violations, as `rule: what`. */
export const violationsOf = (infra: Infrastructure): readonly string[] =>
  Object.entries(POLICY).flatMap(([rule, check]) => check(infra).map((what) => `${rule}: ${what}`));

/** The collections whose documents the database deletes at their `expireAt`. */
export function expiringCollections(infra: Infrastructure): readonly string[] {
  return ofType(infra, 'google_firestore_field')
    .filter(({ body }) => body['ttl_config'] && body['field'] === 'expireAt')
    .flatMap(({ body }) => setOf(body['for_each']));
}
