locals {
  channels = [google_monitoring_notification_channel.email.id]
  unacked  = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\""

  # Where in the console somebody looks first, of alerts that a page of it shows: a page, and never whom it is about.
  console_pages = {
    blocks          = "cases"
    breaker         = "cases"
    campaign        = ""
    ledger          = "health"
    models-failed   = "models"
    orders-late     = "models"
    outbox          = "health"
    releases        = "health"
    releases-failed = "models"
    rollout-halted  = "models"
    rollouts        = "models"
    traces          = "leaks"
    scoring-late    = "cases"
  }
  console_links = { for name, page in local.console_pages : name => "${var.console.origin}/#/${page}" if var.console != null }

  # Name, what it looks at, when it is too much, and what the person who is woken reads first.
  alerts = {
    refusals = {
      title  = "Refusals by cause"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_refusals\" ${local.runs}"
      group  = ["metric.label.outcome"], threshold = 5, aligner = "ALIGN_RATE", duration = "600s"
    }
    blocks = {
      title  = "Many blocks"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_blocks\" ${local.runs}"
      group  = [], threshold = 0.1, aligner = "ALIGN_RATE", duration = "900s"
    }
    upstream = {
      title  = "Cloud KMS, Firestore, Storage or Pub/Sub fail"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_upstream\" ${local.runs}"
      group  = ["metric.label.function"], threshold = 0.05, aligner = "ALIGN_RATE", duration = "300s"
    }
    events-lost = {
      title  = "Events lost"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_events_lost\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "300s"
    }
    # Said once a minute while events wait: for ten minutes, Pub/Sub does not take them.
    outbox = {
      title  = "Events wait in the outbox"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_outbox_waiting\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "600s"
    }
    breaker = {
      title  = "The breaker holds blocks back"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_breaker\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "0s"
    }
    campaign = {
      title  = "Many collect the same models"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_campaign\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "0s"
    }
    erasures-failed = {
      title  = "Somebody is not forgotten"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_erasures_failed\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "0s"
    }
    models-failed = {
      title  = "A model was not published"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_models_failed\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "0s"
    }
    releases-failed = {
      title  = "A release record was not signed anew, or had been put back"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_releases_failed\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "0s"
    }
    rollout-halted = {
      title  = "A version failed more often, and its rollout was halted"
      filter = "metric.type=\"logging.googleapis.com/user/modelseal_rollout_halted\" ${local.runs}"
      group  = [], threshold = 0, aligner = "ALIGN_RATE", duration = "0s"
    }
    dead-letters = {
      title  = "Dead letters"
      filter = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.type=\"pubsub_subscription\" resource.label.subscription_id=\"dead-letters\""
      group  = [], threshold = 0, aligner = "ALIGN_MAX", duration = "0s"
    }
    scoring-late = {
      title  = "Scoring is late: blocks are, too"
      filter = "${local.unacked} resource.label.subscription_id=\"events-score\""
      group  = ["resource.label.subscription_id"], threshold = 120, aligner = "ALIGN_MAX", duration = "300s"
    }
    # Who paused a version or went back to an older one waits for it, and after two minutes it is refused.
    orders-late = {
      title  = "Orders of the console stay unanswered"
      filter = "${local.unacked} resource.label.subscription_id=\"orders\""
      group  = ["resource.label.subscription_id"], threshold = 240, aligner = "ALIGN_MAX", duration = "60s"
    }
    # Analysts wait, nobody else: not the same haste as scoring.
    exports-late = {
      title  = "BigQuery gets events late"
      filter = "${local.unacked} resource.label.subscription_id=monitoring.regex.full_match(\"(events|decisions)-bigquery\")"
      group  = ["resource.label.subscription_id"], threshold = 1800, aligner = "ALIGN_MAX", duration = "900s"
    }
    kms = {
      title  = "Cloud KMS refuses"
      filter = "metric.type=\"serviceruntime.googleapis.com/api/request_count\" resource.type=\"consumed_api\" resource.label.service=\"cloudkms.googleapis.com\" metric.label.response_code_class!=\"2xx\""
      group  = ["metric.label.response_code"], threshold = 0.02, aligner = "ALIGN_RATE", duration = "300s"
    }
  }
}


resource "google_monitoring_notification_channel" "email" {
  display_name = "modelseal on call"
  type         = "email"
  labels       = { email_address = var.alert_email }
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each     = local.alerts
  display_name = "modelseal: ${each.value.title}"
  combiner     = "OR"
  conditions {
    display_name = each.value.title
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = each.value.duration
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = each.value.group
      }
    }
  }
  documentation {
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `${each.key}`."
    mime_type = "text/markdown"
    links {
      display_name = "what to do"
      url          = "${var.runbook_url}#${each.key}"
    }
    dynamic "links" {
      for_each = compact([lookup(local.console_links, each.key, "")])
      content {
        display_name = "in the console"
        url          = links.value
      }
    }
  }
  notification_channels = local.channels
  depends_on            = [terraform_data.metrics_ready]
}

# What has not run for longer than it may: sealed objects outlive their time, grants are
# not in the ledger, erasures are not carried out, release records come to their end, bad versions go on.
resource "google_monitoring_alert_policy" "absent" {
  for_each = {
    sweep    = { title = "the sweep stands still", metric = "modelseal_swept", duration = "600s" }
    ledger   = { title = "the ledger is late", metric = "modelseal_ledger", duration = "600s" }
    erasures = { title = "erasures stand still", metric = "modelseal_erasures", duration = "600s" }
    # Each hour, and thirteen days before anybody feels it.
    releases = { title = "release records are not signed anew", metric = "modelseal_releases", duration = "14400s" }
    # Each hour, and two days before anybody feels it.
    url-keys = { title = "keys that sign URLs are not renewed", metric = "modelseal_url_keys", duration = "14400s" }
    # Every five minutes: until then nothing is halted.
    rollouts = { title = "nobody watches over rollouts", metric = "modelseal_rollouts", duration = "1800s" }
    traces   = { title = "leaks are not traced", metric = "modelseal_traces", duration = "1800s" }
  }
  display_name = "modelseal: ${each.value.title}"
  combiner     = "OR"
  conditions {
    display_name = each.value.title
    condition_absent {
      filter   = "metric.type=\"logging.googleapis.com/user/${each.value.metric}\" ${local.runs}"
      duration = each.value.duration
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_RATE"
      }
    }
  }
  documentation {
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `${each.key}`."
    mime_type = "text/markdown"
    links {
      display_name = "what to do"
      url          = "${var.runbook_url}#${each.key}"
    }
    dynamic "links" {
      for_each = compact([lookup(local.console_links, each.key, "")])
      content {
        display_name = "in the console"
        url          = links.value
      }
    }
  }
  notification_channels = local.channels
  depends_on            = [terraform_data.metrics_ready]
}

# The promise: 99.9 % of the requests to the API are answered without an error of ours.
resource "google_monitoring_custom_service" "api" {
  service_id   = "modelseal-api"
  display_name = "modelseal API"
}

resource "google_monitoring_slo" "availability" {
  service             = google_monitoring_custom_service.api.service_id
  slo_id              = "availability"
  display_name        = "answered without an error of ours"
  goal                = 0.999
  rolling_period_days = 28
  request_based_sli {
    good_total_ratio {
      total_service_filter = "metric.type=\"run.googleapis.com/request_count\" ${local.runs}"
      bad_service_filter   = "metric.type=\"run.googleapis.com/request_count\" ${local.runs} metric.label.response_code_class=\"5xx\""
    }
  }
}

# At this pace a month's errors are spent within two days (fast) or five (slow).
resource "google_monitoring_alert_policy" "burn" {
  for_each     = { fast = { lookback = "3600s", rate = 14.4 }, slow = { lookback = "21600s", rate = 6 } }
  display_name = "modelseal: errors, ${each.key} burn"
  combiner     = "OR"
  conditions {
    display_name = "burn rate"
    condition_threshold {
      filter          = "select_slo_burn_rate(\"${google_monitoring_slo.availability.id}\", \"${each.value.lookback}\")"
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.rate
      duration        = "0s"
    }
  }
  documentation {
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `burn`."
    mime_type = "text/markdown"
    links {
      display_name = "what to do"
      url          = "${var.runbook_url}#burn"
    }
  }
  notification_channels = local.channels
}

resource "google_monitoring_dashboard" "modelseal" {
  dashboard_json = templatefile("${path.module}/dashboard.json", {})
}

