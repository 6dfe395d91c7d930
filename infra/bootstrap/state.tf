# Not under a key of ours: the keys are in the state that lies here.
locals {
  buckets = {
    # Plans and what they changed.
    state = "Standard state of infra/ and of this folder"
    # Bills of materials of what was released.
    releases = "SBOMs by commit"
  }
}

resource "google_storage_bucket" "own" {
  for_each                    = local.buckets
  name                        = "${var.project_id}-${each.key}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect_data
  versioning {
    enabled = true
  }
  soft_delete_policy {
    retention_duration_seconds = 2592000
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 365
      num_newer_versions         = 20
    }
  }
  lifecycle {
    prevent_destroy = var.protect_data
  }
  depends_on = [terraform_data.apis_ready]
}
