output "state_bucket" {
  description = "`tofu init -backend-config=bucket=…` in infra/."
  value       = google_storage_bucket.own["state"].name
}

output "release_accounts" {
  description = "Accounts of the build triggers, by step."
  value       = { for name, account in google_service_account.release : name => account.email }
}
