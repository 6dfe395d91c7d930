# Who did what to the data, every warning, and the hashes of the ledger, which `ledger verify` compares
# with: kept apart for 400 days, and locked in production.
resource "google_logging_project_bucket_config" "security" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "modelseal-security"
  retention_days = 400
  locked         = var.environment == "prod"
}

resource "google_logging_project_sink" "security" {
  name                   = "modelseal-security"
  destination            = "logging.googleapis.com/${local.log_buckets.security}"
  filter                 = "severity>=WARNING OR logName:\"cloudaudit.googleapis.com\" OR jsonPayload.message=\"ledger block\""
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

