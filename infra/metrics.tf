# What is counted in our own log lines (functions/log.ts).

locals {
  runs = "resource.type=\"cloud_run_revision\""

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
    releases        = { filter = "${local.runs} jsonPayload.message=\"releases renewed\"", labels = {} }
    releases_failed = { filter = "${local.runs} jsonPayload.message=\"releases renewed\" severity=ERROR", labels = {} }
    url_keys        = { filter = "${local.runs} jsonPayload.message=\"URL keys renewed\"", labels = {} }
    rollouts        = { filter = "${local.runs} jsonPayload.message=\"rollouts watched\" jsonPayload.failed=0", labels = {} }
    traces          = { filter = "${local.runs} jsonPayload.message=\"leaks traced\" jsonPayload.failed=0", labels = {} }
    rollout_halted  = { filter = "${local.runs} jsonPayload.message=\"rollout halted\"", labels = {} }
    # Said by the scorer when so many were blocked by rules that a person has to look, and when a campaign begins.
    breaker        = { filter = "${local.runs} jsonPayload.message=\"breaker tripped\"", labels = {} }
    campaign       = { filter = "${local.runs} jsonPayload.message=\"campaign alert\"", labels = {} }
    outbox_waiting = { filter = "${local.runs} jsonPayload.message=\"outbox emptied\" jsonPayload.waiting>0", labels = {} }
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


# An alert on a metric that was made a moment ago is refused, for up to ten minutes by Google's own words:
# https://github.com/hashicorp/terraform-provider-google/issues/11102,
# https://github.com/GoogleCloudPlatform/cloud-foundation-fabric/pull/3739
resource "terraform_data" "metrics_ready" {
  triggers_replace = concat(
    [for metric in google_logging_metric.count : metric.id],
    [google_logging_metric.latency.id],
  )
  provisioner "local-exec" {
    command = "sleep ${var.metric_wait_seconds}"
  }
}
