# What the functions are told, and where things are.

locals {
  labels = { app = "modelseal", environment = var.environment }

  # One region, unless `locations` spreads the data: docs/ops/operations.md, "A second region".
  places = {
    data     = coalesce(var.locations.data, var.region)
    database = coalesce(var.locations.database, var.region)
    keys     = coalesce(var.locations.keys, var.region)
  }

  # Cloud Run's words for memory, in MiB.
  memory_mib = { "512Mi" = 512, "1Gi" = 1024, "2Gi" = 2048, "4Gi" = 4096 }

  # What functions/config.ts reads. Secrets come from Secret Manager, FUNCTION_TARGET from the
  # service, K_SERVICE from the runtime.
  function_environment = {
    GOOGLE_CLOUD_PROJECT         = var.project_id
    FIRESTORE_DATABASE           = google_firestore_database.modelseal.name
    INTAKE_BUCKET                = google_storage_bucket.models["intake"].name
    VAULT_BUCKET                 = google_storage_bucket.models["vault"].name
    SEALED_BUCKET                = google_storage_bucket.models["sealed"].name
    LEAKS_BUCKET                 = google_storage_bucket.models["leaks"].name
    KMS_VAULT_KEY                = local.key_names.vault
    KMS_MANIFEST_KEY             = local.key_names.manifest
    KMS_LICENCE_KEY              = local.key_names.licence
    KMS_DEVICE_KEY               = local.key_names.device
    SIGNING_KEYS                 = jsonencode(var.signing_keys)
    EVENTS_TOPIC                 = google_pubsub_topic.topic["events"].name
    DECISIONS_TOPIC              = google_pubsub_topic.topic["decisions"].name
    ORDERS_TOPIC                 = google_pubsub_topic.topic["orders"].name
    DEAD_LETTERS_TOPIC           = google_pubsub_topic.topic["dead-letters"].name
    OIDC_ISSUERS                 = jsonencode(var.oidc_issuers)
    ATTESTATION_POLICY           = var.attestation_policy_json
    ATTESTATION_MAX_AGE_SECONDS  = var.attestation.max_age_seconds
    REVOCATION_LIST_URL          = var.attestation.revocation_list_url
    REVOCATION_MAX_STALE_SECONDS = var.attestation.revocation_max_stale_seconds
    MAX_DEVICES_PER_USER         = var.attestation.max_devices_per_user
    DEVICE_COOLING_OFF_SECONDS   = var.attestation.device_cooling_off_seconds
    PERSONAL_MODEL_PREFIX        = var.personal_model_prefix
    APPLE_RECEIPT_URL            = var.attestation.apple_receipt_url
    URL_TTL_SECONDS              = var.licence.url_ttl_seconds
    SEALED_TTL_SECONDS           = var.licence.sealed_ttl_seconds
    LICENCE_SECONDS              = var.licence.licence_seconds
    OFFLINE_GRACE_SECONDS        = var.licence.offline_grace_seconds
    RELEASE_SECONDS              = var.licence.release_seconds
    TRACING                      = var.tracing
    OTEL_EXPORTER_OTLP_ENDPOINT  = var.telemetry.endpoint
    OTEL_TRACES_SAMPLER_ARG      = var.telemetry.trace_share
    GRANTS_PER_USER_MINUTE       = var.limits.grants_per_user_minute
    GRANTS_PER_DEVICE_MINUTE     = var.limits.grants_per_device_minute
    REPORTS_PER_DEVICE_MINUTE    = var.limits.reports_per_device_minute
    GRANTS_PER_NETWORK_MINUTE    = var.limits.grants_per_network_minute
    GRANTS_PER_MODEL_MINUTE      = var.limits.grants_per_model_minute
    BLOCK_DELAY_SECONDS          = var.limits.block_delay_seconds
    PLANS                        = jsonencode({ for name, plan in var.plans : name => { for key, value in plan : key => value if value != null } })
    CONSOLE                      = jsonencode(var.console)
    PLAN_CLAIM                   = var.plan_claim
    MAX_MODEL_BYTES              = var.limits.max_model_bytes
    MIN_SEALED_SHARE             = var.min_sealed_share
    # The load balancer appends the client's address and its own.
    FORWARDED_FOR_POSITION = 2
  }

  # Keys of Play Integrity, where an app has its own; without them Google decodes the tokens.
  integrity_readers = contains(keys(var.secret_versions), "INTEGRITY_KEYS") ? ["enroll"] : []
}
