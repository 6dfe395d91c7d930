# The values are put in by an operator (docs/ops/operations.md): they are in no state and no plan.
resource "google_secret_manager_secret" "function" {
  for_each  = toset(["CHALLENGE_SECRET", "PSEUDONYM_SECRET", "APPLE_RECEIPT_KEY", "INTEGRITY_KEYS"])
  secret_id = each.key
  labels    = local.labels
  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption {
          kms_key_name = google_kms_crypto_key.data.id
        }
      }
    }
  }
  depends_on = [google_kms_crypto_key_iam_member.data]
}
