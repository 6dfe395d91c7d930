# What each step of a build calls, and the permission that this takes; nothing else is granted. A custom
# role for each account is made of it, and a test holds it to the steps of the build files and, for
# `plan`, to the kinds of resources in infra/. On single resources (an image repository, a function, a
# topic) infra/release.tf grants the rest.

locals {
  steps = {
    # Code of a pull request is anybody's: it may write its log and nothing else, so it reads no data.
    check = {
      log = ["logging.logEntries.create"]
    }
    build = {
      log = ["logging.logEntries.create"]
    }
    deploy = {
      log = ["logging.logEntries.create"]
      # Operations belong to the project: the answer to each change of a service.
      release = ["run.operations.get"]
      judge   = ["monitoring.timeSeries.list"]
    }
    smoke = {
      log = ["logging.logEntries.create"]
    }
    # Turns on one rule of Cloud Armor.
    brake = {
      log   = ["logging.logEntries.create"]
      brake = ["compute.globalOperations.get", "compute.securityPolicies.get", "compute.securityPolicies.update"]
    }
    plan = {
      log = ["logging.logEntries.create"]
      # `user_project_override`
      quota = ["serviceusage.services.use"]
      data  = ["bigquery.jobs.create", "resourcemanager.projects.get"]
      plan  = distinct(flatten(values(local.reads)))
    }
  }

  # What refreshing each kind of resource reads: how it is set up, and never what is in it.
  reads = {
    google_artifact_registry_repository            = ["artifactregistry.repositories.get"]
    google_artifact_registry_repository_iam_member = ["artifactregistry.repositories.getIamPolicy"]
    google_bigquery_data_transfer_config           = ["bigquery.transfers.get"]
    google_bigquery_dataset                        = ["bigquery.datasets.get"]
    google_bigquery_dataset_iam_member             = ["bigquery.datasets.get"]
    google_bigquery_table                          = ["bigquery.tables.get"]
    google_binary_authorization_policy             = ["binaryauthorization.policy.get"]
    google_cloud_run_v2_service                    = ["run.services.get"]
    google_cloud_run_v2_service_iam_member         = ["run.services.getIamPolicy"]
    google_cloud_scheduler_job                     = ["cloudscheduler.jobs.get"]
    google_cloudbuild_trigger                      = ["cloudbuild.builds.get"]
    google_compute_backend_service                 = ["compute.backendServices.get"]
    google_compute_global_address                  = ["compute.globalAddresses.get"]
    google_compute_global_forwarding_rule          = ["compute.globalForwardingRules.get"]
    google_compute_managed_ssl_certificate         = ["compute.sslCertificates.get"]
    google_compute_region_network_endpoint_group   = ["compute.regionNetworkEndpointGroups.get"]
    google_compute_security_policy                 = ["compute.securityPolicies.get"]
    google_compute_ssl_policy                      = ["compute.sslPolicies.get"]
    google_compute_target_https_proxy              = ["compute.targetHttpsProxies.get"]
    google_compute_url_map                         = ["compute.urlMaps.get"]
    google_eventarc_trigger                        = ["eventarc.triggers.get"]
    google_firebaserules_release                   = ["firebaserules.releases.get"]
    google_firebaserules_ruleset                   = ["firebaserules.rulesets.get"]
    google_firestore_backup_schedule               = ["datastore.backupSchedules.get"]
    google_firestore_database                      = ["datastore.databases.getMetadata"]
    google_firestore_field                         = ["datastore.schemas.get"]
    google_kms_crypto_key                          = ["cloudkms.cryptoKeys.get"]
    google_kms_crypto_key_iam_member               = ["cloudkms.cryptoKeys.getIamPolicy"]
    google_kms_key_ring                            = ["cloudkms.keyRings.get"]
    google_logging_linked_dataset                  = ["logging.links.get"]
    google_logging_metric                          = ["logging.logMetrics.get"]
    google_logging_project_bucket_config           = ["logging.buckets.get"]
    google_logging_project_exclusion               = ["logging.exclusions.get"]
    google_logging_project_sink                    = ["logging.sinks.get"]
    google_monitoring_alert_policy                 = ["monitoring.alertPolicies.get"]
    google_monitoring_custom_service               = ["monitoring.services.get"]
    google_monitoring_dashboard                    = ["monitoring.dashboards.get"]
    google_monitoring_notification_channel         = ["monitoring.notificationChannels.get"]
    google_monitoring_slo                          = ["monitoring.slos.get"]
    google_monitoring_uptime_check_config          = ["monitoring.uptimeCheckConfigs.get"]
    google_project_iam_audit_config                = ["resourcemanager.projects.getIamPolicy"]
    google_project_iam_custom_role                 = ["iam.roles.get"]
    google_project_iam_member                      = ["resourcemanager.projects.getIamPolicy"]
    google_pubsub_schema                           = ["pubsub.schemas.get"]
    google_pubsub_subscription                     = ["pubsub.subscriptions.get"]
    google_pubsub_subscription_iam_member          = ["pubsub.subscriptions.getIamPolicy"]
    google_pubsub_topic                            = ["pubsub.topics.get"]
    google_pubsub_topic_iam_member                 = ["pubsub.topics.getIamPolicy"]
    google_secret_manager_secret                   = ["secretmanager.secrets.get"]
    google_secret_manager_secret_iam_member        = ["secretmanager.secrets.getIamPolicy"]
    google_service_account                         = ["iam.serviceAccounts.get"]
    google_service_account_iam_member              = ["iam.serviceAccounts.getIamPolicy"]
    google_storage_bucket                          = ["storage.buckets.get"]
    google_storage_bucket_iam_member               = ["storage.buckets.getIamPolicy"]
    # Of the billing account and of the organisation: accounts.tf.
    google_access_context_manager_service_perimeter = []
    google_billing_budget                           = []
  }
}
