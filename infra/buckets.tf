# Plaintext from the model builders, for the minutes until it is published.
resource "google_storage_bucket" "intake" {
  name                        = "${var.project_id}-intake"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = local.labels
  encryption {
    default_kms_key_name = google_kms_crypto_key.data.id
  }
  # What is deleted must be gone, not kept for a week.
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  # A file that was refused stays for its builder to look at, for a day.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 1
    }
  }
  depends_on = [google_kms_crypto_key_iam_member.data]
}

# Ciphertext and manifests of every published version.
resource "google_storage_bucket" "vault" {
  name                        = "${var.project_id}-vault"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = local.labels
  encryption {
    default_kms_key_name = google_kms_crypto_key.data.id
  }
  versioning {
    enabled = true
  }
  # Thirty days to undo a deletion.
  soft_delete_policy {
    retention_duration_seconds = 2592000
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
    }
  }
  lifecycle {
    prevent_destroy = true
  }
  depends_on = [google_kms_crypto_key_iam_member.data]
}

# Sealed models on their way to a device, for minutes. The sweep deletes them; the lifecycle, whose
# unit is the day, is only for what a sweep that stands still leaves behind.
resource "google_storage_bucket" "sealed" {
  name                        = "${var.project_id}-sealed"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = local.labels
  encryption {
    default_kms_key_name = google_kms_crypto_key.data.id
  }
  # Seven days by default, outside of lifecycle rules, and billed.
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 1
    }
  }
  depends_on = [google_kms_crypto_key_iam_member.data]
}
