/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** What it is told, changed for the worse. */
export const ENVIRONMENT: readonly Mutation[] = [
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
  [
    'events among the decisions',
    'environment.tf',
    'DECISIONS_TOPIC              = google_pubsub_topic.topic["decisions"].name',
    'DECISIONS_TOPIC              = google_pubsub_topic.topic["events"].name',
  ],
  [
    'licences signed by the manifest key',
    'environment.tf',
    'local.key_names.licence',
    'local.key_names.manifest',
  ],
  [
    'a URL as long as a licence',
    'environment.tf',
    'URL_TTL_SECONDS              = var.licence.url_ttl_seconds',
    'URL_TTL_SECONDS              = var.licence.licence_seconds',
  ],
  [
    'sealed objects as long as a licence',
    'environment.tf',
    'SEALED_TTL_SECONDS           = var.licence.sealed_ttl_seconds',
    'SEALED_TTL_SECONDS           = var.licence.licence_seconds',
  ],
  [
    'users limited as networks',
    'environment.tf',
    'GRANTS_PER_USER_MINUTE       = var.limits.grants_per_user_minute',
    'GRANTS_PER_USER_MINUTE       = var.limits.grants_per_network_minute',
  ],
  [
    'blocks at once',
    'environment.tf',
    'BLOCK_DELAY_SECONDS          = var.limits.block_delay_seconds',
    'BLOCK_DELAY_SECONDS          = 0',
  ],
  [
    'devices that do not cool off',
    'environment.tf',
    'DEVICE_COOLING_OFF_SECONDS   = var.attestation.device_cooling_off_seconds',
    'DEVICE_COOLING_OFF_SECONDS   = 0',
  ],
  [
    'a licence of a month',
    'variables-service.tf',
    'licence_seconds       = optional(number, 86400)',
    'licence_seconds       = optional(number, 2592000)',
  ],
  [
    'a list of revoked keys from elsewhere',
    'variables-service.tf',
    '"https://android.googleapis.com/attestation/status"',
    '"https://example.com/attestation/status"',
  ],
  ['models half in the clear', 'variables-service.tf', 'default     = 0.95', 'default     = 0.5'],
  [
    'issuers without TLS',
    'variables-service.tf',
    'startswith(issuer.issuer, "https://") && startswith(issuer.jwksUri, "https://")',
    'true',
  ],
  [
    'an image by tag',
    'variables.tf',
    'condition     = var.image == "" || can(regex("@sha256:[0-9a-f]{64}$", var.image))',
    'condition     = true',
  ],
  [
    'URLs that outlive their object',
    'variables-service.tf',
    'condition     = var.licence.url_ttl_seconds <= var.licence.sealed_ttl_seconds',
    'condition     = true',
  ],
];
