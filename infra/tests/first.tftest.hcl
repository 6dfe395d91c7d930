# The first apply, before there is an image: everything but what runs. Plan of examples/prod.tfvars with image = "".

run "before_the_first_image" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.function) == 0 && length(google_compute_url_map.api) == 0 && length(google_pubsub_subscription.push) == 0 && length(google_eventarc_trigger.intake) == 0 && length(google_cloud_scheduler_job.function) == 0
    error_message = "Nothing needs the image."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret.secret)) == toset(keys(local.secrets)) && length(google_storage_bucket.models) == 4 && toset(keys(google_kms_crypto_key.key)) == toset(["vault", "manifest", "licence", "device"]) && google_artifact_registry_repository.images.format == "DOCKER" && google_compute_global_address.api.name == "modelseal"
    error_message = "Secrets, buckets, keys, the repository and the address are there to be filled."
  }
  assert {
    condition     = length(google_cloudbuild_trigger.release) == 1
    error_message = "The first image can be built."
  }
}
