# Tells of the cost, and stops what can be stopped: at `brake_percent` of the budget a build turns on the
# rule of Cloud Armor that answers grants with 429. Delivery, which is nearly all of the cost, ends with
# that; keys, licences, reports and erasures go on. Only a person lets grants in again.

resource "google_billing_budget" "monthly" {
  count           = var.billing_account == "" ? 0 : 1
  billing_account = var.billing_account
  display_name    = "modelseal ${var.environment}"
  budget_filter {
    projects = ["projects/${local.number}"]
  }
  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }
  dynamic "threshold_rules" {
    for_each = { 0.5 = "CURRENT_SPEND", 0.9 = "CURRENT_SPEND", 1.0 = "CURRENT_SPEND", 1.2 = "FORECASTED_SPEND" }
    content {
      threshold_percent = threshold_rules.key
      spend_basis       = threshold_rules.value
    }
  }
  all_updates_rule {
    monitoring_notification_channels = local.channels
    pubsub_topic                     = local.budget_topic
    schema_version                   = "1.0"
  }
}

# Not under our key: billing publishes here before it says as whom (no agent of a project to give it to).
resource "google_pubsub_topic" "budget" {
  name   = "budget"
  labels = local.labels
  message_storage_policy {
    allowed_persistence_regions = concat([var.region], var.other_regions)
  }
}

resource "google_cloudbuild_trigger" "brake" {
  count           = var.repository == "" || var.billing_account == "" ? 0 : 1
  name            = "modelseal-brake"
  location        = var.region
  service_account = "projects/${var.project_id}/serviceAccounts/release-brake@${var.project_id}.iam.gserviceaccount.com"
  pubsub_config {
    topic = local.budget_topic
  }
  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  git_file_source {
    path       = "cloudbuild-brake.yaml"
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  substitutions = {
    _COST    = "$(body.message.data.costAmount)"
    _BUDGET  = "$(body.message.data.budgetAmount)"
    _PERCENT = tostring(var.brake_percent)
  }
}
