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
  value       = google_storage_bucket.intake.name
}
