# Logs name nobody (functions/log.ts sees to it, and tests): this looks for what slipped through. Each night a
# query goes over the day's lines; one that looks like a mail address, a token, a signed URL or a phone
# number makes the query fail, and the operators get Google's mail about the failed transfer.

resource "google_logging_project_bucket_config" "functions" {
  project          = var.project_id
  location         = var.region
  bucket_id        = "modelseal-functions"
  retention_days   = 30
  enable_analytics = true
}

resource "google_logging_project_sink" "functions" {
  name                   = "modelseal-functions"
  destination            = "logging.googleapis.com/${local.log_buckets.functions}"
  filter                 = local.runs
  unique_writer_identity = true
}

resource "google_logging_linked_dataset" "functions" {
  link_id     = "modelseal_logs"
  bucket      = local.log_buckets.functions
  description = "The functions' log lines, for the nightly scan."
}

resource "google_service_account" "scan" {
  account_id   = "log-scan"
  display_name = "modelseal log scan"
}

resource "google_project_iam_member" "scan" {
  for_each = toset(["roles/bigquery.jobUser", "roles/logging.viewAccessor"])
  project  = var.project_id
  role     = each.key
  member   = google_service_account.scan.member
}

# Of the linked dataset alone.
resource "google_bigquery_dataset_iam_member" "scan" {
  dataset_id = google_logging_linked_dataset.functions.link_id
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.scan.member
}

resource "google_bigquery_data_transfer_config" "scan" {
  display_name         = "modelseal: personal data in the logs"
  location             = var.region
  data_source_id       = "scheduled_query"
  schedule             = "every day 04:30"
  service_account_name = google_service_account.scan.email
  email_preferences {
    enable_failure_email = true
  }
  params = {
    query = templatefile("${path.module}/bigquery/log-scan.sql", {
      table = "${var.project_id}.${google_logging_linked_dataset.functions.link_id}._AllLogs"
    })
  }
  depends_on = [google_project_iam_member.scan, google_bigquery_dataset_iam_member.scan]
}
