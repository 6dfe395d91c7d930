# Every function, as functions/registry.ts has it: a test compares the two. `access` is all that a
# function's service account may do; iam.tf makes the grants, on the resource and never wider.

locals {
  labels = { app = "modelseal", environment = var.environment }

  defaults = {
    memory      = "512Mi"
    concurrency = 40
    timeout     = "30s"
    warm        = 0
    secrets     = []
    routes      = []
  }

  table = {
    challenge = {
      kind    = "http"
      routes  = ["/v1/challenges"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      warm    = 1
      access  = { topics = ["events"] }
    }
    enroll = {
      kind    = "http"
      routes  = ["/v1/devices"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access  = { topics = ["events"], firestore = "roles/datastore.user" }
    }
    # Seals whole models as they stream through: few at a time, and minutes for the largest.
    grant = {
      kind        = "http"
      routes      = ["/v1/models/*/grants"]
      secrets     = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      memory      = "1Gi"
      concurrency = 8
      timeout     = "300s"
      warm        = 1
      access = {
        topics     = ["events"]
        firestore  = "roles/datastore.user"
        buckets    = { vault = "roles/storage.objectViewer", sealed = "sealedWriter" }
        keys       = { vault = "roles/cloudkms.cryptoKeyDecrypter", licence = "roles/cloudkms.signer" }
        signs_urls = true
      }
    }
    renew = {
      kind    = "http"
      routes  = ["/v1/licences/*/renewals"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access = {
        topics    = ["events"]
        firestore = "roles/datastore.user"
        buckets   = { vault = "roles/storage.objectViewer" }
        keys      = { licence = "roles/cloudkms.signer" }
      }
    }
    report = {
      kind    = "http"
      routes  = ["/v1/events"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access  = { topics = ["events"], firestore = "roles/datastore.user" }
    }
    account = {
      kind    = "http"
      routes  = ["/v1/devices/*", "/v1/devices/*/approvals", "/v1/me"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access  = { topics = ["events"], firestore = "roles/datastore.user" }
    }
    models = {
      kind    = "http"
      routes  = ["/v1/models"]
      secrets = ["PSEUDONYM_SECRET"]
      access  = { firestore = "roles/datastore.viewer" }
    }
    keys = {
      kind   = "http"
      routes = ["/v1/keys"]
      access = { reads_public_keys = ["manifest", "licence"] }
    }
    publish = {
      kind        = "intake"
      secrets     = ["PSEUDONYM_SECRET"]
      memory      = "1Gi"
      concurrency = 1
      timeout     = "540s"
      access = {
        firestore = "roles/datastore.user"
        buckets   = { intake = "intakeConsumer", vault = "vaultWriter" }
        keys      = { vault = "roles/cloudkms.cryptoKeyEncrypter", manifest = "roles/cloudkms.signer" }
      }
    }
    score = {
      kind   = "events"
      access = { topics = ["decisions", "dead-letters"], firestore = "roles/datastore.user" }
    }
    # After an outage it publishes up to 10,000 events a run, each with a call to Pub/Sub and one to Firestore.
    sweep = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/sweep"
      concurrency = 1
      timeout     = "300s"
      access      = { topics = ["events"], buckets = { sealed = "sealedSweeper" }, firestore = "roles/datastore.user" }
    }
    erasures = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/erasures"
      secrets     = ["PSEUDONYM_SECRET"]
      concurrency = 1
      timeout     = "300s"
      access = {
        firestore = "roles/datastore.user"
        buckets   = { intake = "intakeEraser", vault = "objectEraser", sealed = "objectEraser" }
      }
    }
    ledger = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/ledger"
      concurrency = 1
      timeout     = "120s"
      access      = { firestore = "roles/datastore.user" }
    }
    campaigns = {
      kind        = "schedule"
      cron        = "0 * * * *"
      path        = "/internal/campaigns"
      concurrency = 1
      timeout     = "300s"
      access      = { firestore = "roles/datastore.user" }
    }
    receipts = {
      kind        = "schedule"
      cron        = "0 * * * *"
      path        = "/internal/receipts"
      secrets     = ["APPLE_RECEIPT_KEY"]
      concurrency = 1
      timeout     = "300s"
      access      = { topics = ["events"], firestore = "roles/datastore.user" }
    }
    revocations = {
      kind        = "schedule"
      cron        = "*/30 * * * *"
      path        = "/internal/revocations"
      concurrency = 1
      timeout     = "300s"
      access      = { topics = ["events"], firestore = "roles/datastore.user" }
    }
  }

  functions = { for name, function in local.table : name => merge(local.defaults, function) }

  # What functions/config.ts reads. Secrets come from Secret Manager, FUNCTION_TARGET from the
  # service, K_SERVICE from the runtime.
  function_environment = {
    GOOGLE_CLOUD_PROJECT         = var.project_id
    INTAKE_BUCKET                = google_storage_bucket.intake.name
    VAULT_BUCKET                 = google_storage_bucket.vault.name
    SEALED_BUCKET                = google_storage_bucket.sealed.name
    KMS_VAULT_KEY                = google_kms_crypto_key.vault.id
    KMS_MANIFEST_KEY             = google_kms_crypto_key.manifest.id
    KMS_LICENCE_KEY              = google_kms_crypto_key.licence.id
    EVENTS_TOPIC                 = "events"
    DECISIONS_TOPIC              = "decisions"
    DEAD_LETTERS_TOPIC           = "dead-letters"
    OIDC_ISSUERS                 = jsonencode(var.oidc_issuers)
    ATTESTATION_POLICY           = var.attestation_policy_json
    ATTESTATION_MAX_AGE_SECONDS  = var.attestation.max_age_seconds
    REVOCATION_LIST_URL          = var.attestation.revocation_list_url
    REVOCATION_MAX_STALE_SECONDS = var.attestation.revocation_max_stale_seconds
    MAX_DEVICES_PER_USER         = var.attestation.max_devices_per_user
    DEVICE_COOLING_OFF_SECONDS   = var.attestation.device_cooling_off_seconds
    APPLE_RECEIPT_URL            = var.attestation.apple_receipt_url
    URL_TTL_SECONDS              = var.licence.url_ttl_seconds
    SEALED_TTL_SECONDS           = var.licence.sealed_ttl_seconds
    LICENCE_SECONDS              = var.licence.licence_seconds
    OFFLINE_GRACE_SECONDS        = var.licence.offline_grace_seconds
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
    PLAN_CLAIM                   = var.plan_claim
    MAX_MODEL_BYTES              = var.limits.max_model_bytes
    # The load balancer appends the client's address and its own.
    FORWARDED_FOR_POSITION = 2
  }

  # Keys of Play Integrity, where an app has its own; without them Google decodes the tokens.
  integrity_readers = contains(keys(var.secret_versions), "INTEGRITY_KEYS") ? ["enroll"] : []

  public_functions = { for name, function in local.functions : name => function if function.kind == "http" }
}

resource "google_service_account" "function" {
  for_each     = local.functions
  account_id   = "fn-${each.key}"
  display_name = "modelseal function ${each.key}"
}

resource "google_cloud_run_v2_service" "function" {
  for_each            = local.functions
  name                = each.key
  location            = var.region
  deletion_protection = var.environment == "prod"
  # A worker is called by Pub/Sub, Eventarc or Scheduler of this project; the API only through the load balancer.
  ingress = each.value.kind == "http" ? "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" : "INGRESS_TRAFFIC_INTERNAL_ONLY"
  # The API authenticates users itself; workers are called with an identity token that Cloud Run checks.
  invoker_iam_disabled = each.value.kind == "http"
  labels               = local.labels

  template {
    service_account                  = google_service_account.function[each.key].email
    timeout                          = each.value.timeout
    max_instance_request_concurrency = each.value.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    labels                           = local.labels

    scaling {
      min_instance_count = var.environment == "prod" ? each.value.warm : 0
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      resources {
        limits            = { cpu = "1", memory = each.value.memory }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      env {
        name  = "FUNCTION_TARGET"
        value = each.key
      }

      env {
        name  = "FUNCTION_SIGNATURE_TYPE"
        value = contains(["events", "intake"], each.value.kind) ? "cloudevent" : "http"
      }

      # What it works on at once is what it is sent at once: more only where this service is not in between.
      env {
        name  = "INSTANCE_CONCURRENCY"
        value = each.value.concurrency
      }

      dynamic "env" {
        for_each = local.function_environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = concat(each.value.secrets, contains(local.integrity_readers, each.key) ? ["INTEGRITY_KEYS"] : [])
        content {
          name = env.value
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.function[env.value].secret_id
              version = var.secret_versions[env.value]
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30
        tcp_socket {
          port = 8080
        }
      }
    }
  }

  dynamic "binary_authorization" {
    for_each = var.require_signed_images ? [1] : []
    content {
      use_default = true
    }
  }

  # Releases choose image and traffic (cloudbuild-deploy.yaml); a change made here takes effect with the next one.
  lifecycle {
    ignore_changes = [template[0].containers[0].image, template[0].revision, traffic, client, client_version]
  }

  depends_on = [google_secret_manager_secret_iam_member.function, google_project_service.api]
}
