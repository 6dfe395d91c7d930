# Where releases are built and who may carry them out. The build cannot deploy, and the deployment
# cannot reach data: it only moves revisions and traffic.

resource "google_artifact_registry_repository" "images" {
  repository_id = "modelseal"
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = google_kms_crypto_key.data.id
  labels        = local.labels
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
  depends_on = [google_kms_crypto_key_iam_member.data]
}

resource "google_service_account" "release" {
  for_each     = toset(["build", "plan", "deploy"])
  account_id   = "release-${each.key}"
  display_name = "modelseal release: ${each.key}"
}

resource "google_artifact_registry_repository_iam_member" "build" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.release["build"].email}"
}

resource "google_artifact_registry_repository_iam_member" "deploy" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.release["deploy"].email}"
}

resource "google_project_iam_member" "release_logs" {
  for_each = google_service_account.release
  project  = var.project_id
  role     = "roles/logging.logWriter"
  member   = "serviceAccount:${each.value.email}"
}

# Starts the deployment, which then waits for a person's approval.
resource "google_project_iam_member" "build_starts_deployment" {
  project = var.project_id
  role    = "roles/cloudbuild.builds.editor"
  member  = "serviceAccount:${google_service_account.release["build"].email}"
}

# Reads how the project is set up and changes nothing. Plans are applied by a person: no robot may
# change keys, roles or buckets.
resource "google_project_iam_member" "plan" {
  for_each = {
    for pair in setproduct(["build", "plan"], ["roles/viewer", "roles/iam.securityReviewer"]) :
    "${pair[0]} ${pair[1]}" => { account = pair[0], role = pair[1] }
  }
  project = var.project_id
  role    = each.value.role
  member  = "serviceAccount:${google_service_account.release[each.value.account].email}"
}

resource "google_cloud_run_v2_service_iam_member" "deploy" {
  for_each = google_cloud_run_v2_service.function
  name     = each.value.name
  location = var.region
  role     = "roles/run.developer"
  member   = "serviceAccount:${google_service_account.release["deploy"].email}"
}

# A revision runs as its function's account, so whoever deploys it must be allowed to act as that.
resource "google_service_account_iam_member" "deploy_acts_as" {
  for_each           = google_service_account.function
  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.release["deploy"].email}"
}

# The canary watches the error ratio.
resource "google_project_iam_member" "deploy_metrics" {
  project = var.project_id
  role    = "roles/monitoring.viewer"
  member  = "serviceAccount:${google_service_account.release["deploy"].email}"
}

# The smoke client's device key and user: docs/ops/operations.md.
resource "google_secret_manager_secret" "smoke" {
  secret_id = "SMOKE_IDENTITY"
  labels    = local.labels
  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption {
          kms_key_name = google_kms_crypto_key.data.id
        }
      }
    }
  }
  depends_on = [google_kms_crypto_key_iam_member.data]
}

resource "google_secret_manager_secret_iam_member" "smoke" {
  secret_id = google_secret_manager_secret.smoke.id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.release["deploy"].email}"
}

resource "google_cloudbuild_trigger" "pull_request" {
  count           = var.repository == "" ? 0 : 1
  name            = "modelseal-pull-request"
  location        = var.region
  filename        = "cloudbuild-pr.yaml"
  service_account = google_service_account.release["plan"].id
  repository_event_config {
    repository = var.repository
    pull_request {
      branch          = "^main$"
      comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    }
  }
}

resource "google_cloudbuild_trigger" "release" {
  count           = var.repository == "" ? 0 : 1
  name            = "modelseal-release"
  location        = var.region
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.release["build"].id
  repository_event_config {
    repository = var.repository
    push {
      branch = "^main$"
    }
  }
  substitutions = { _REGION = var.region }
}

# Started by the build with the image's digest; runs only when a person has approved it.
resource "google_cloudbuild_trigger" "deploy" {
  count           = var.repository == "" ? 0 : 1
  name            = "modelseal-deploy"
  location        = var.region
  service_account = google_service_account.release["deploy"].id
  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  git_file_source {
    path       = "cloudbuild-deploy.yaml"
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  approval_config {
    approval_required = true
  }
  substitutions = { _REGION = var.region, _DOMAIN = var.domain, _IMAGE = "" }
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
