output "address" {
  description = "Point the DNS names of the API and of `candidate.` here."
  value       = google_compute_global_address.api.address
}

output "images" {
  description = "Where the build puts images."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "intake_bucket" {
  description = "Where model builders put models, as MODEL/VERSION/FILE."
  value       = google_storage_bucket.models["intake"].name
}

output "profile" {
  description = "What `modelseal --env NAME` works with: `tofu output -json profile > ~/.config/modelseal/NAME.json`. No secret is in it."
  value = {
    name        = var.environment
    project     = var.project_id
    regions     = concat([var.region], var.other_regions)
    environment = { for name, value in local.function_environment : name => tostring(value) }
  }
}
