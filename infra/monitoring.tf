resource "google_monitoring_notification_channel" "email" {
  display_name = "modelseal on call"
  type         = "email"
  labels       = { email_address = var.alert_email }
}

locals {
  channels = [google_monitoring_notification_channel.email.id]
  runs     = "resource.type=\"cloud_run_revision\""

  # Counters over our own log lines (functions/log.ts).
  log_metrics = {
    refusals = {
      filter = "${local.runs} jsonPayload.status>=400 jsonPayload.status<500"
      labels = { outcome = "EXTRACT(jsonPayload.outcome)", function = "EXTRACT(jsonPayload.function)" }
    }
    blocks = { filter = "${local.runs} jsonPayload.message=\"measure decided\" jsonPayload.measure=\"block\" jsonPayload.shadow=false", labels = {} }
    # An API request says so by its outcome, a worker by the error that it met.
    upstream = {
      filter = "${local.runs} (jsonPayload.outcome=~\"^(firestore|storage|kms|pubsub)_.*_(failed|timed_out)$\" OR (severity>=ERROR jsonPayload.error=\"UpstreamError\"))"
      labels = { function = "EXTRACT(jsonPayload.function)" }
    }
    events_lost   = { filter = "${local.runs} jsonPayload.message=\"event not delivered\"", labels = {} }
    swept         = { filter = "${local.runs} jsonPayload.message=\"swept\" jsonPayload.failed=0", labels = {} }
    models_failed = { filter = "${local.runs} jsonPayload.message=\"model refused\"", labels = {} }
    # Each run says so, also where no grant was new.
    ledger          = { filter = "${local.runs} jsonPayload.message=\"ledger appended\"", labels = {} }
    erasures        = { filter = "${local.runs} jsonPayload.message=\"erasures carried out\"", labels = {} }
    erasures_failed = { filter = "${local.runs} jsonPayload.message=\"erasures carried out\" jsonPayload.failed>0", labels = {} }
    outbox_waiting  = { filter = "${local.runs} jsonPayload.message=\"outbox emptied\" jsonPayload.waiting>0", labels = {} }
  }

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
    dead-letters = {
      title  = "Dead letters"
      filter = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.type=\"pubsub_subscription\" resource.label.subscription_id=\"dead-letters\""
      group  = [], threshold = 0, aligner = "ALIGN_MAX", duration = "0s"
    }
    scoring-late = {
      title  = "Scoring is late: blocks are, too"
      filter = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\""
      group  = ["resource.label.subscription_id"], threshold = 120, aligner = "ALIGN_MAX", duration = "300s"
    }
    kms = {
      title  = "Cloud KMS refuses"
      filter = "metric.type=\"serviceruntime.googleapis.com/api/request_count\" resource.type=\"consumed_api\" resource.label.service=\"cloudkms.googleapis.com\" metric.label.response_code_class!=\"2xx\""
      group  = ["metric.label.response_code"], threshold = 0.02, aligner = "ALIGN_RATE", duration = "300s"
    }
    sign-urls = {
      title  = "URLs are not signed"
      filter = "metric.type=\"serviceruntime.googleapis.com/api/request_count\" resource.type=\"consumed_api\" resource.label.service=\"iamcredentials.googleapis.com\" metric.label.response_code_class!=\"2xx\""
      group  = ["metric.label.response_code"], threshold = 0.02, aligner = "ALIGN_RATE", duration = "300s"
    }
  }
}

resource "google_logging_metric" "count" {
  for_each = local.log_metrics
  name     = "modelseal_${each.key}"
  filter   = each.value.filter
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }
  label_extractors = each.value.labels
}

# Milliseconds of each request, by function.
resource "google_logging_metric" "latency" {
  name             = "modelseal_latency"
  filter           = "${local.runs} jsonPayload.durationMs>=0"
  value_extractor  = "EXTRACT(jsonPayload.durationMs)"
  label_extractors = { function = "EXTRACT(jsonPayload.function)" }
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "ms"
    labels {
      key        = "function"
      value_type = "STRING"
    }
  }
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 32
      growth_factor      = 1.4
      scale              = 1
    }
  }
}

# Steps of a grant in milliseconds, and the bytes that it sealed.
resource "google_logging_metric" "grant" {
  for_each        = toset(["admitMs", "sealMs", "sealedBytes"])
  name            = "modelseal_grant_${each.key}"
  filter          = "${local.runs} jsonPayload.message=\"grant sealed\""
  value_extractor = "EXTRACT(jsonPayload.${each.key})"
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.key == "sealedBytes" ? "By" : "ms"
  }
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 48
      growth_factor      = 1.6
      scale              = 1
    }
  }
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
    subject   = "modelseal: ${each.value.title}"
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `${each.key}`."
    mime_type = "text/markdown"
  }
  notification_channels = local.channels
  depends_on            = [google_logging_metric.count]
}

# What runs each minute and has not run well for ten: sealed objects outlive their time, grants are
# not in the ledger, erasures are not carried out.
resource "google_monitoring_alert_policy" "absent" {
  for_each = {
    sweep    = { title = "the sweep stands still", metric = "modelseal_swept" }
    ledger   = { title = "the ledger is late", metric = "modelseal_ledger" }
    erasures = { title = "erasures stand still", metric = "modelseal_erasures" }
  }
  display_name = "modelseal: ${each.value.title}"
  combiner     = "OR"
  conditions {
    display_name = each.value.title
    condition_absent {
      filter   = "metric.type=\"logging.googleapis.com/user/${each.value.metric}\" ${local.runs}"
      duration = "600s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_RATE"
      }
    }
  }
  documentation {
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `${each.key}`."
    mime_type = "text/markdown"
  }
  notification_channels = local.channels
  depends_on            = [google_logging_metric.count]
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
  }
  notification_channels = local.channels
}

resource "google_monitoring_dashboard" "modelseal" {
  dashboard_json = templatefile("${path.module}/dashboard.json", {})
}

# Who did what to the data, and every warning: kept apart for 400 days, and locked in production.
resource "google_logging_project_bucket_config" "security" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "modelseal-security"
  retention_days = 400
  locked         = var.environment == "prod"
}

resource "google_logging_project_sink" "security" {
  name                   = "modelseal-security"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.security.id}"
  filter                 = "severity>=WARNING OR logName:\"cloudaudit.googleapis.com\""
  unique_writer_identity = true
}

# Health checks say nothing when they are well.
resource "google_logging_project_exclusion" "health" {
  name   = "modelseal-health"
  filter = "httpRequest.requestUrl=~\"/health/[a-z]+$\" httpRequest.status=200"
}

# Reads and writes of keys and objects are logged by Google, too.
resource "google_project_iam_audit_config" "data" {
  for_each = toset(["cloudkms.googleapis.com", "storage.googleapis.com", "secretmanager.googleapis.com"])
  project  = var.project_id
  service  = each.key
  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }
}

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
  }
}
