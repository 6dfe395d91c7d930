# Where releases are built and who may carry them out. infra/bootstrap makes the accounts and what they may
# do in the project; here they get single resources. The build cannot deploy, the deployment cannot reach
# data, a pull request can do neither, and plans are applied by a person.

locals {
  releasers = { for name in ["check", "build", "plan", "deploy", "smoke", "brake"] :
    name => "release-${name}@${var.project_id}.iam.gserviceaccount.com"
  }
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "modelseal"
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = local.data_keys[var.region]
  labels        = local.labels
  # A build that is tried again pushes under its own id: cloudbuild.yaml.
  docker_config {
    immutable_tags = true
  }
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }
  depends_on = [terraform_data.cmek_ready]
}

resource "google_artifact_registry_repository_iam_member" "release" {
  for_each   = { build = "roles/artifactregistry.writer", deploy = "roles/artifactregistry.reader" }
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = each.value
  member     = "serviceAccount:${local.releasers[each.key]}"
}

resource "google_project_iam_custom_role" "releaser" {
  role_id = "releaser"
  title   = "modelseal releaser"
  # A new revision and its share of the traffic; no deletion, no policy.
  permissions = ["run.revisions.get", "run.services.get", "run.services.update"]
}

resource "google_cloud_run_v2_service_iam_member" "deploy" {
  for_each = google_cloud_run_v2_service.function
  name     = each.value.name
  location = each.value.location
  role     = local.releaser_role
  member   = "serviceAccount:${local.releasers.deploy}"
}

# A revision runs as its function's account, so whoever deploys it must be allowed to act as that.
resource "google_service_account_iam_member" "deploy_acts_as" {
  for_each           = google_service_account.function
  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${local.releasers.deploy}"
}

resource "google_secret_manager_secret_iam_member" "smoke" {
  for_each  = toset(["deploy", "smoke"])
  secret_id = google_secret_manager_secret.secret["SMOKE_IDENTITY"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${local.releasers[each.key]}"
}

# Who may say "deploy this": the build, which may start no build itself, since that could be one without
# an approval.
resource "google_pubsub_topic" "signal" {
  for_each     = toset(["release", "watch-smoke", "watch-drift"])
  name         = each.key
  kms_key_name = local.data_key
  labels       = local.labels
  message_storage_policy {
    allowed_persistence_regions = concat([var.region], var.other_regions)
  }
  depends_on = [terraform_data.cmek_ready]
}

resource "google_pubsub_topic_iam_member" "build_asks_for_release" {
  topic  = local.signal_names["release"]
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${local.releasers.build}"
}

# The attestor is no resource of ours: Cloud Build makes it with the first image that it builds in a
# project, and signs with keys of Google's that no account here may use:
# https://cloud.google.com/binary-authorization/docs/deploy-cloud-build. So an image is built before
# this is applied (docs/ops/operations.md), and cloudbuild.yaml lists what it deploys under `images`.
resource "google_binary_authorization_policy" "attested" {
  count = var.require_signed_images ? 1 : 0
  default_admission_rule {
    evaluation_mode         = "REQUIRE_ATTESTATION"
    enforcement_mode        = "ENFORCED_BLOCK_AND_AUDIT_LOG"
    require_attestations_by = ["projects/${var.project_id}/attestors/built-by-cloud-build"]
  }
  global_policy_evaluation_mode = "ENABLE"
}
