resource "google_cloud_scheduler_job" "function" {
  for_each         = { for name, function in local.functions : name => function if function.kind == "schedule" }
  name             = each.key
  region           = var.region
  schedule         = each.value.cron
  time_zone        = "Etc/UTC"
  attempt_deadline = each.value.timeout
  http_target {
    http_method = "POST"
    uri         = "${local.urls[each.key]}${each.value.path}"
    oidc_token {
      service_account_email = google_service_account.invoker["scheduler"].email
      audience              = local.urls[each.key]
    }
  }
  # The next run comes in a minute and does all that this one left.
  retry_config {
    retry_count = 0
  }
}

resource "google_eventarc_trigger" "intake" {
  count           = var.image == "" ? 0 : 1
  name            = "intake-publish"
  location        = var.region
  service_account = google_service_account.invoker["intake"].email
  labels          = local.labels
  matching_criteria {
    attribute = "type"
    value     = "google.cloud.storage.object.v1.finalized"
  }
  matching_criteria {
    attribute = "bucket"
    value     = google_storage_bucket.models["intake"].name
  }
  destination {
    cloud_run_service {
      service = google_cloud_run_v2_service.function["publish"].name
      region  = var.region
    }
  }
  depends_on = [
    google_project_iam_member.eventarc,
    google_project_iam_member.storage_notifications,
    google_cloud_run_v2_service_iam_member.invoker,
  ]
}

locals {
  # Known once the trigger is there.
  intake_subscription = try(google_eventarc_trigger.intake[0].transport[0].pubsub[0].subscription, null)
}

# Eventarc makes a subscription with ten seconds to answer, and no dead letters: a model that takes minutes to
# publish would be sent again meanwhile. https://github.com/hashicorp/terraform-provider-google/issues/17701
resource "terraform_data" "intake_subscription" {
  count            = var.image == "" ? 0 : 1
  triggers_replace = [local.intake_subscription]
  provisioner "local-exec" {
    command = join(" ", [
      "gcloud pubsub subscriptions update ${local.intake_subscription}",
      "--ack-deadline=600 --min-retry-delay=10s --max-retry-delay=600s",
      "--dead-letter-topic=${local.topic_names["dead-letters"]} --max-delivery-attempts=5 --quiet",
    ])
  }
}
