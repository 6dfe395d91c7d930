locals {
  buckets = {
    # Plaintext from the model builders, for the minutes until it is published. What was refused
    # stays for its builder to look at, for a day.
    intake = { keeps = false, days = 1 }
    # Ciphertext and manifests of every published version; thirty days to undo a deletion.
    vault = { keeps = true, days = null }
    # Sealed models on their way to a device, for minutes. The sweep deletes them; the lifecycle,
    # whose unit is the day, is only for what a sweep that stands still leaves behind.
    sealed = { keeps = false, days = 1 }
    # Leaked files from the console until they are traced, and what was found, for somebody to fetch it.
    leaks = { keeps = false, days = 7 }
  }
}

resource "google_storage_bucket" "models" {
  for_each                    = local.buckets
  name                        = "${var.project_id}-${each.key}"
  location                    = local.places.data
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect_data
  labels                      = local.labels
  encryption {
    default_kms_key_name = local.data_key
  }
  versioning {
    enabled = each.value.keeps
  }
  # Seven days by default, outside of lifecycle rules, and billed: what is deleted must be gone.
  soft_delete_policy {
    retention_duration_seconds = each.value.keeps ? 2592000 : 0
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age                        = each.value.days
      days_since_noncurrent_time = each.value.keeps ? 30 : null
    }
  }
  lifecycle {
    prevent_destroy = var.protect_data
  }
  depends_on = [terraform_data.cmek_ready]
}
