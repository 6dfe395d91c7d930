# An empty project comes up, and each build account can do its steps and nothing else.

variables {
  project_id      = "modelseal-prod-example"
  region          = "europe-west3"
  billing_account = "000000-000000-000000"
  access_policy   = "1234"
  wait_seconds    = 0
}

run "bootstrap" {
  command = plan

  # Bootstrap

  assert {
    condition     = toset(keys(google_project_service.first)) == toset(["cloudresourcemanager", "serviceusage"])
    error_message = "What turns on the other APIs comes first."
  }
  assert {
    condition     = alltrue([for api in ["playintegrity", "run", "cloudkms", "firestore", "pubsub", "secretmanager", "artifactregistry", "containeranalysis", "binaryauthorization", "cloudquotas", "eventarc", "bigquerydatatransfer", "billingbudgets", "accesscontextmanager"] : contains(keys(google_project_service.api), api)])
    error_message = "Every API that infra/, the functions and doctor call is on."
  }
  assert {
    condition     = alltrue([for api in google_project_service.api : !api.disable_on_destroy])
    error_message = "Tearing down turns no API off."
  }
  assert {
    condition     = toset(keys(terraform_data.identity)) == toset(["artifactregistry", "bigquerydatatransfer", "eventarc", "firestore", "pubsub", "secretmanager"])
    error_message = "Google's accounts that infra/ gives a key are made."
  }
  assert {
    condition     = google_project_iam_member.eventarc_agent.role == "roles/eventarc.serviceAgent"
    error_message = "Eventarc may work."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.own : bucket.versioning[0].enabled && bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access && !bucket.force_destroy && bucket.soft_delete_policy[0].retention_duration_seconds >= 604800])
    error_message = "State and bills of materials survive mistakes, and are not public."
  }

  # Accounts

  assert {
    condition     = toset(google_project_iam_custom_role.release["check"].permissions) == toset(["logging.logEntries.create"]) && toset(google_project_iam_custom_role.release["build"].permissions) == toset(["logging.logEntries.create"])
    error_message = "A pull request's code, and the build, write their logs in the project and nothing else."
  }
  assert {
    condition     = toset(google_project_iam_custom_role.release["deploy"].permissions) == toset(["logging.logEntries.create", "run.operations.get", "monitoring.timeSeries.list"])
    error_message = "A release sees operations and metrics of the project."
  }
  assert {
    condition     = toset(google_project_iam_custom_role.release["smoke"].permissions) == toset(["logging.logEntries.create"])
    error_message = "The smoke client has no right in the project."
  }
  assert {
    condition     = toset(google_project_iam_custom_role.release["brake"].permissions) == toset(["logging.logEntries.create", "compute.globalOperations.get", "compute.securityPolicies.get", "compute.securityPolicies.update"])
    error_message = "The brake turns one policy of Cloud Armor."
  }
  # Nothing that changes anything, and nothing that shows what is in a bucket, a document, a table, a secret, a message or the log.
  assert {
    condition = alltrue([for permission in google_project_iam_custom_role.release["plan"].permissions :
      can(regex("[.](get|getIamPolicy|getMetadata|use|list)$", permission)) || contains(["logging.logEntries.create", "bigquery.jobs.create"], permission)
    ])
    error_message = "The plan changes nothing."
  }
  assert {
    condition = length([for permission in google_project_iam_custom_role.release["plan"].permissions : permission
      if can(regex("entities|objects|versions|getData|logEntries[.]list|messages|consume|keys[.]create|useTo", permission))
    ]) == 0
    error_message = "The plan reads no data."
  }
  assert {
    condition     = contains(google_project_iam_custom_role.release["plan"].permissions, "serviceusage.services.use")
    error_message = "The plan may pay its calls from the project: `user_project_override`."
  }
  assert {
    condition     = alltrue([for name, member in google_project_iam_member.release : startswith(google_service_account.release[name].account_id, "release-")]) && toset(keys(google_project_iam_member.release)) == toset(["check", "build", "deploy", "smoke", "brake", "plan"])
    error_message = "Six accounts, and no other."
  }
  assert {
    condition     = alltrue([for name, member in google_project_iam_member.release : member.role == "projects/modelseal-prod-example/roles/release_${name}" && member.member == "serviceAccount:release-${name}@modelseal-prod-example.iam.gserviceaccount.com"])
    error_message = "Each account has its own role in the project, made of its steps."
  }
  assert {
    condition     = google_storage_bucket_iam_member.plan_reads_state.role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.plan_reads_state.bucket == "modelseal-prod-example-state"
    error_message = "Plans read the state and do not write it."
  }
  assert {
    condition     = google_storage_bucket_iam_member.build_writes_releases.role == "roles/storage.objectCreator" && google_storage_bucket_iam_member.build_writes_releases.bucket == "modelseal-prod-example-releases"
    error_message = "Builds add bills of materials and replace none."
  }
  assert {
    condition     = google_billing_account_iam_member.plan_reads_budget[0].role == "roles/billing.viewer" && google_access_context_manager_access_policy_iam_member.plan_reads_perimeter[0].role == "roles/accesscontextmanager.policyReader"
    error_message = "Budget and perimeter can be planned."
  }
}
