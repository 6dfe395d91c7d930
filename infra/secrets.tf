# The values are put in by an operator (docs/ops/operations.md): they are in no state and no plan.
locals {
  secrets = {
    CHALLENGE_SECRET  = "functions"
    PSEUDONYM_SECRET  = "functions"
    APPLE_RECEIPT_KEY = "functions"
    INTEGRITY_KEYS    = "functions"
    URL_SIGNING_KEY   = "functions"
    # The smoke client's device key and user.
    SMOKE_IDENTITY = "release"
  }
}

resource "google_secret_manager_secret" "secret" {
  for_each            = local.secrets
  secret_id           = each.key
  labels              = local.labels
  deletion_protection = var.protect_data
  replication {
    user_managed {
      dynamic "replicas" {
        for_each = toset(concat([var.region], var.other_regions))
        content {
          location = replicas.key
          customer_managed_encryption {
            kms_key_name = local.data_keys[replicas.key]
          }
        }
      }
    }
  }
  depends_on = [terraform_data.cmek_ready]
}
