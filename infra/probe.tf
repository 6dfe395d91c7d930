# Whether the API answers, seen from outside, each minute; and each quarter of an hour the smoke client's
# whole story, by a build (cloudbuild-watch.yaml) that fails where a step does.

resource "google_monitoring_uptime_check_config" "api" {
  display_name = "modelseal API"
  timeout      = "10s"
  period       = "60s"
  http_check {
    path         = "/v1/keys"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  content_matchers {
    content = "manifest"
    matcher = "CONTAINS_STRING"
  }
  monitored_resource {
    type   = "uptime_url"
    labels = { host = var.domain, project_id = var.project_id }
  }
}

resource "google_monitoring_alert_policy" "probe" {
  display_name = "modelseal: the API does not answer"
  combiner     = "OR"
  conditions {
    display_name = "seen from two places or more"
    condition_threshold {
      filter          = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" resource.type=\"uptime_url\" metric.label.check_id=\"${google_monitoring_uptime_check_config.api.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "120s"
      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }
  documentation {
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `probe`."
    mime_type = "text/markdown"
    links {
      display_name = "what to do"
      url          = "${var.runbook_url}#probe"
    }
  }
  notification_channels = local.channels
}

# A scheduled build that failed: the smoke client met an error, or the project is not as the code says.
resource "google_monitoring_alert_policy" "watch" {
  for_each     = var.repository == "" ? {} : local.watches
  display_name = "modelseal: ${each.value.title}"
  combiner     = "OR"
  conditions {
    display_name = each.value.title
    condition_matched_log {
      filter = "resource.type=\"build\" textPayload:\"ERROR\" resource.labels.build_trigger_id=\"${google_cloudbuild_trigger.watch[each.key].trigger_id}\""
    }
  }
  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "3600s"
    }
  }
  documentation {
    content   = "What to do: docs/ops/operations.md, section \"Alerts\", `${each.key}`."
    mime_type = "text/markdown"
    links {
      display_name = "what to do"
      url          = "${var.runbook_url}#${each.key}"
    }
  }
  notification_channels = local.channels
}
