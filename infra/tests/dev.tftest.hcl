# What development is: the same, cheaper, and torn down again. Plan of examples/dev.tfvars.

run "development" {
  command = plan

  assert {
    condition     = alltrue([for service in google_cloud_run_v2_service.function : service.template[0].scaling[0].min_instance_count == 0 && service.template[0].scaling[0].max_instance_count <= 5 && !service.deletion_protection])
    error_message = "Nothing is kept warm, and functions may be destroyed."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.models : bucket.force_destroy && bucket.public_access_prevention == "enforced"])
    error_message = "Buckets may be destroyed, and are no more public than elsewhere."
  }
  assert {
    condition     = google_firestore_database.modelseal.deletion_policy == "DELETE" && google_firestore_database.modelseal.delete_protection_state == "DELETE_PROTECTION_DISABLED" && length(google_firestore_backup_schedule.daily) == 0
    error_message = "The database goes with the environment."
  }
  assert {
    condition     = !google_logging_project_bucket_config.security.locked
    error_message = "A locked log would outlive the environment."
  }
  assert {
    condition     = alltrue([for key in concat(values(google_kms_crypto_key.key), values(google_kms_crypto_key.data)) : key.version_template[0].protection_level == "HSM"])
    error_message = "Keys are in hardware here, too."
  }
  assert {
    condition     = length(google_billing_budget.monthly) == 0 && length(google_cloudbuild_trigger.deploy) == 0 && length(google_access_context_manager_service_perimeter.modelseal) == 0
    error_message = "What is not named is not made."
  }
}

run "production_is_protected" {
  command = plan
  variables {
    environment  = "prod"
    protect_data = false
  }
  expect_failures = [var.protect_data]
}

run "a_carrier_is_not_one_phone" {
  command = plan
  variables {
    requests_per_network_minute = 600
  }
  expect_failures = [var.requests_per_network_minute]
}

run "a_flood_is_not_a_household" {
  command = plan
  variables {
    requests_per_ip_minute      = 300000
    requests_per_network_minute = 60000
  }
  expect_failures = [var.requests_per_ip_minute]
}
