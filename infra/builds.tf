# Builds: of a pull request, of main, of an approved release, and those that watch by the clock.

locals {
  building = var.repository == "" ? 0 : 1
  account  = { for name, email in local.releasers : name => "projects/${var.project_id}/serviceAccounts/${email}" }
  watches = {
    smoke = { title = "the smoke client met an error", schedule = "*/15 * * * *", account = "smoke", file = "cloudbuild-smoke.yaml" }
    drift = { title = "the project is not as the code says", schedule = "17 5 * * *", account = "plan", file = "cloudbuild-drift.yaml" }
  }
}

resource "google_cloudbuild_trigger" "pull_request" {
  count           = local.building
  name            = "modelseal-pull-request"
  location        = var.region
  filename        = "cloudbuild-pr.yaml"
  service_account = local.account.check
  repository_event_config {
    repository = var.repository
    pull_request {
      branch          = "^main$"
      comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    }
  }
}

resource "google_cloudbuild_trigger" "release" {
  count           = local.building
  name            = "modelseal-release"
  location        = var.region
  filename        = "cloudbuild.yaml"
  service_account = local.account.build
  repository_event_config {
    repository = var.repository
    push {
      branch = "^main$"
    }
  }
  substitutions = { _REGION = var.region }
}

# Asked for by the build with the image's digest; runs only when a person has approved it.
resource "google_cloudbuild_trigger" "deploy" {
  count           = local.building
  name            = "modelseal-deploy"
  location        = var.region
  service_account = local.account.deploy
  pubsub_config {
    topic = local.signal_names["release"]
  }
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
  substitutions = {
    _IMAGE   = "$(body.message.attributes.image)"
    _REGIONS = join(" ", concat([var.region], var.other_regions))
    _DOMAIN  = var.domain
  }
}

resource "google_cloudbuild_trigger" "watch" {
  for_each        = local.building == 0 ? {} : local.watches
  name            = "modelseal-${each.key}"
  location        = var.region
  service_account = local.account[each.value.account]
  pubsub_config {
    topic = local.signal_names["watch-${each.key}"]
  }
  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  git_file_source {
    path       = each.value.file
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  substitutions = { _DOMAIN = var.domain }
}

resource "google_cloud_scheduler_job" "watch" {
  for_each  = local.building == 0 ? {} : local.watches
  name      = "watch-${each.key}"
  region    = var.region
  schedule  = each.value.schedule
  time_zone = "Etc/UTC"
  pubsub_target {
    topic_name = local.signal_names["watch-${each.key}"]
    data       = base64encode("{}")
  }
}
