# Two regions: examples/prod.tfvars and examples/two-regions.tfvars.

run "two_regions" {
  command = plan

  assert {
    condition = toset([for service in google_cloud_run_v2_service.function : "${service.name}@${service.location}"]) == toset(concat(
      [for name in keys(local.table) : "${name}@europe-west3"],
      [for name, row in local.table : "${name}@europe-west1" if row.kind == "http"],
    ))
    error_message = "The API runs twice, what works in the background once."
  }
  assert {
    condition = (
      toset([for endpoint in google_compute_region_network_endpoint_group.function : "${endpoint.name}@${endpoint.region}"]) == toset([for pair in setproduct(keys(local.backends), ["europe-west3", "europe-west1"]) : "${pair[0]}@${pair[1]}"]) &&
      alltrue([for backend in google_compute_backend_service.function : length(backend.outlier_detection) == 1])
    )
    error_message = "Every backend leads to both regions, and past one that fails."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.models : bucket.location == "EU" && bucket.encryption[0].default_kms_key_name == "projects/modelseal-prod-example/locations/europe/keyRings/modelseal/cryptoKeys/data"])
    error_message = "Objects are in the multi-region, under a key that is there, too."
  }
  assert {
    condition     = google_firestore_database.modelseal.location_id == "eur3" && google_firestore_database.modelseal.cmek_config[0].kms_key_name == "projects/modelseal-prod-example/locations/europe/keyRings/modelseal/cryptoKeys/data"
    error_message = "Documents are in the multi-region."
  }
  assert {
    condition     = toset(keys(google_kms_key_ring.modelseal)) == toset(["europe", "europe-west3", "europe-west1"]) && google_kms_crypto_key.key["vault"].key_ring == "projects/modelseal-prod-example/locations/europe/keyRings/modelseal"
    error_message = "Models are wrapped by a key that outlives a region."
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.secret : toset([for replica in secret.replication[0].user_managed[0].replicas : replica.location]) == toset(["europe-west3", "europe-west1"])])
    error_message = "Secrets are in both regions."
  }
  assert {
    condition     = google_cloudbuild_trigger.deploy[0].substitutions._REGIONS == "europe-west3 europe-west1"
    error_message = "Releases go to both regions."
  }
}

run "data_must_outlive_a_region" {
  command = plan
  variables {
    locations = {}
  }
  expect_failures = [var.locations]
}

run "perimeter_begins_dry" {
  command = plan
  variables {
    access_policy          = "1234"
    operators              = ["user:ada@example.com"]
    operator_access_levels = ["accessPolicies/1234/accessLevels/office"]
  }

  assert {
    condition     = google_access_context_manager_service_perimeter.modelseal[0].use_explicit_dry_run_spec && length(google_access_context_manager_service_perimeter.modelseal[0].spec) == 1 && length(google_access_context_manager_service_perimeter.modelseal[0].status) == 0
    error_message = "A perimeter begins as a dry run."
  }
  assert {
    condition = toset([for policy in google_access_context_manager_service_perimeter.modelseal[0].spec[0].ingress_policies : policy.title]) == toset([
      "phones fetch what they were granted", "builds", "operators, from where the organisation lets them work",
    ])
    error_message = "Phones, builds and operators are let in."
  }
  assert {
    condition = alltrue([for policy in google_access_context_manager_service_perimeter.modelseal[0].spec[0].ingress_policies :
      alltrue([for operation in policy.ingress_to[0].operations : operation.service_name == "storage.googleapis.com" && alltrue([for selector in operation.method_selectors : selector.method == "google.storage.objects.get"])])
      if policy.title == "phones fetch what they were granted"
    ])
    error_message = "From anywhere, only sealed objects are read."
  }
  assert {
    condition = alltrue(flatten([for policy in google_access_context_manager_service_perimeter.modelseal[0].spec[0].ingress_policies :
      [for source in policy.ingress_from[0].sources : source.access_level == "accessPolicies/1234/accessLevels/office"]
      if startswith(policy.title, "operators")
    ]))
    error_message = "Operators come from where the organisation says."
  }
}

run "perimeter_enforced" {
  command = plan
  variables {
    access_policy     = "1234"
    enforce_perimeter = true
  }
  assert {
    condition     = length(google_access_context_manager_service_perimeter.modelseal[0].status) == 1 && contains(google_access_context_manager_service_perimeter.modelseal[0].status[0].restricted_services, "cloudkms.googleapis.com")
    error_message = "Enforced, it refuses."
  }
}
