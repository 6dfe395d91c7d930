# What production is, by value: `npm run check:infra` runs this on a plan of examples/prod.tfvars, by
# Google's provider itself, which asks a double for what only Google knows.

run "production" {
  command = plan

  # Functions

  assert {
    condition     = toset(keys(google_cloud_run_v2_service.function)) == toset(keys(local.table))
    error_message = "One service for each function, and no other."
  }
  # Each request has its share of the memory, and of the processor.
  assert {
    condition = alltrue([for service in google_cloud_run_v2_service.function :
      service.template[0].max_instance_request_concurrency >= 1 && service.template[0].max_instance_request_concurrency <= 80
    ])
    error_message = "Concurrency is between 1 and 80."
  }
  assert {
    condition = alltrue([for name, service in google_cloud_run_v2_service.function :
      local.memory_mib[service.template[0].containers[0].resources[0].limits.memory] >= 512
    ])
    error_message = "Every function has 512 MiB or more."
  }
  assert {
    condition = alltrue([for name in ["grant", "publish"] :
      local.memory_mib[google_cloud_run_v2_service.function[name].template[0].containers[0].resources[0].limits.memory] / google_cloud_run_v2_service.function[name].template[0].max_instance_request_concurrency >= 128
    ])
    error_message = "A model on its way through has 128 MiB."
  }
  assert {
    condition     = alltrue([for service in google_cloud_run_v2_service.function : service.template[0].containers[0].resources[0].limits.cpu == "1"])
    error_message = "Below one vCPU there is no concurrency: https://cloud.google.com/run/docs/configuring/services/cpu"
  }
  assert {
    condition = var.max_instances <= 100 && alltrue([for name, service in google_cloud_run_v2_service.function :
      service.template[0].scaling[0].max_instance_count == (contains(["schedule", "orders"], local.deployments[name].kind) ? 2 : var.max_instances)
    ])
    error_message = "Every function has an end, and a worker that is called once at a time has no room for more."
  }
  assert {
    condition = (
      google_cloud_run_v2_service.function["grant"].template[0].scaling[0].min_instance_count >= 1 &&
      google_cloud_run_v2_service.function["challenge"].template[0].scaling[0].min_instance_count >= 1
    )
    error_message = "Grants and challenges wait for no cold start."
  }
  assert {
    condition = alltrue([for name, service in google_cloud_run_v2_service.function :
      service.ingress == (
        local.table[name].kind == "http" ? "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" :
        name == "admin" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"
      ) &&
      service.invoker_iam_disabled == (local.table[name].kind == "http" || name == "admin")
    ])
    error_message = "The API is reached through the load balancer alone, a worker by its caller alone, and nothing but the console from anywhere."
  }
  assert {
    condition     = alltrue([for service in google_cloud_run_v2_service.function : can(regex("@sha256:[0-9a-f]{64}$", service.template[0].containers[0].image))])
    error_message = "Images by digest."
  }
  assert {
    condition     = alltrue([for service in google_cloud_run_v2_service.function : service.binary_authorization[0].use_default])
    error_message = "Images run only if they were attested."
  }
  assert {
    condition     = alltrue([for service in google_cloud_run_v2_service.function : service.deletion_protection])
    error_message = "A function of production is not deleted by a plan."
  }
  assert {
    condition     = alltrue([for name, service in google_cloud_run_v2_service.function : service.template[0].service_account == "fn-${name}@modelseal-prod-example.iam.gserviceaccount.com"])
    error_message = "Every function has an account of its own."
  }

  # Environment

  assert {
    condition = alltrue([for name, service in google_cloud_run_v2_service.function : alltrue([for variable, value in {
      FUNCTION_TARGET        = name
      GOOGLE_CLOUD_PROJECT   = "modelseal-prod-example"
      FIRESTORE_DATABASE     = "(default)"
      INTAKE_BUCKET          = "modelseal-prod-example-intake"
      VAULT_BUCKET           = "modelseal-prod-example-vault"
      SEALED_BUCKET          = "modelseal-prod-example-sealed"
      LEAKS_BUCKET           = "modelseal-prod-example-leaks"
      EVENTS_TOPIC           = "events"
      DECISIONS_TOPIC        = "decisions"
      DEAD_LETTERS_TOPIC     = "dead-letters"
      FORWARDED_FOR_POSITION = "2"
      KMS_VAULT_KEY          = "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/vault"
      KMS_MANIFEST_KEY       = "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/manifest"
      KMS_LICENCE_KEY        = "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/licence"
      SIGNING_KEYS           = jsonencode({ manifest = { signing = 1, announced = [], retired = [] }, licence = { signing = 1, announced = [], retired = [] }, device = { signing = 1, announced = [], retired = [] } })
    } : one([for entry in service.template[0].containers[0].env : entry.value if entry.name == variable]) == value])])
    error_message = "Every function is told of the right buckets, keys, topics and database, and of the client's place in X-Forwarded-For."
  }
  assert {
    condition = alltrue([for name, service in google_cloud_run_v2_service.function :
      one([for entry in service.template[0].containers[0].env : entry.value if entry.name == "INSTANCE_CONCURRENCY"]) == tostring(service.template[0].max_instance_request_concurrency)
    ])
    error_message = "A function works on as many requests as it is sent."
  }
  assert {
    condition = alltrue([for name, service in google_cloud_run_v2_service.function :
      one([for entry in service.template[0].containers[0].env : entry.value if entry.name == "FUNCTION_SIGNATURE_TYPE"]) == (contains(["publish", "score", "orders"], name) ? "cloudevent" : "http")
    ])
    error_message = "What comes from Pub/Sub and Eventarc is an event."
  }
  assert {
    condition = alltrue(flatten([for name, service in google_cloud_run_v2_service.function : [for entry in service.template[0].containers[0].env :
      entry.value_source[0].secret_key_ref[0].secret == entry.name && can(regex("^[1-9][0-9]*$", entry.value_source[0].secret_key_ref[0].version))
      if contains(keys(local.secrets), entry.name)
    ]]))
    error_message = "Secrets come from Secret Manager, by a fixed version."
  }
  assert {
    condition = alltrue([for name, service in google_cloud_run_v2_service.function :
      toset([for entry in service.template[0].containers[0].env : entry.name if contains(keys(local.secrets), entry.name)]) == toset(local.functions[name].secrets)
    ])
    error_message = "A function reads its own secrets and no other."
  }

  # Data

  assert {
    condition = alltrue([for bucket in google_storage_bucket.models :
      bucket.uniform_bucket_level_access && bucket.public_access_prevention == "enforced" && !bucket.force_destroy
    ])
    error_message = "No bucket is public, and none is destroyed with its contents."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.models : bucket.encryption[0].default_kms_key_name == "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/data"])
    error_message = "Buckets are under our key."
  }
  assert {
    condition = alltrue([for name, days in { intake = 1, sealed = 1, leaks = 7 } :
      google_storage_bucket.models[name].soft_delete_policy[0].retention_duration_seconds == 0 &&
      one([for rule in google_storage_bucket.models[name].lifecycle_rule : one(rule.condition).age]) == days &&
      !google_storage_bucket.models[name].versioning[0].enabled
    ])
    error_message = "What is deleted of plaintext and of deliveries is gone at once."
  }
  assert {
    condition = (
      google_storage_bucket.models["vault"].versioning[0].enabled &&
      google_storage_bucket.models["vault"].soft_delete_policy[0].retention_duration_seconds >= 604800
    )
    error_message = "The vault survives mistakes."
  }
  assert {
    condition = (
      google_firestore_database.modelseal.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED" &&
      google_firestore_database.modelseal.delete_protection_state == "DELETE_PROTECTION_ENABLED" &&
      google_firestore_database.modelseal.cmek_config[0].kms_key_name == "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/data" &&
      google_firestore_database.modelseal.name == "(default)"
    )
    error_message = "The database can go back in time, is not deleted, and is under our key."
  }
  assert {
    condition     = length(google_firestore_backup_schedule.daily) == 1 && google_firestore_backup_schedule.daily[0].retention == "1209600s"
    error_message = "A backup each day, kept for two weeks."
  }
  assert {
    condition     = alltrue([for key in google_kms_crypto_key.key : key.version_template[0].protection_level == "HSM" && key.destroy_scheduled_duration == "2592000s"])
    error_message = "Keys are in hardware, and their destruction can be undone for 30 days."
  }
  assert {
    condition = (
      google_kms_crypto_key.key["vault"].rotation_period == "7776000s" &&
      alltrue([for key in google_kms_crypto_key.data : key.rotation_period == "7776000s" && key.version_template[0].protection_level == "HSM"])
    )
    error_message = "Symmetric keys rotate within 90 days."
  }
  assert {
    condition = (
      google_kms_crypto_key.key["manifest"].purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.key["licence"].purpose == "ASYMMETRIC_SIGN" &&
      google_kms_crypto_key.key["vault"].purpose == "ENCRYPT_DECRYPT"
    )
    error_message = "A key has one purpose."
  }
  assert {
    condition = toset([for member in google_kms_crypto_key_iam_member.data : member.member]) == toset([
      "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com",
      "serviceAccount:bq-123456789012@bigquery-encryption.iam.gserviceaccount.com",
      "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com",
      "serviceAccount:service-123456789012@gcp-sa-firestore.iam.gserviceaccount.com",
      "serviceAccount:service-123456789012@gcp-sa-secretmanager.iam.gserviceaccount.com",
      "serviceAccount:service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com",
    ])
    error_message = "Who stores for us may use the data key, and nobody else."
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.secret : secret.replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name == "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/data"])
    error_message = "Secrets are under our key."
  }
  assert {
    condition     = google_bigquery_dataset.events.default_encryption_configuration[0].kms_key_name == "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/data" && alltrue([for table in google_bigquery_table.raw : table.deletion_protection])
    error_message = "Events are under our key, and their tables are not deleted."
  }
  assert {
    condition     = alltrue([for field in google_firestore_field.expiry : field.field == "expireAt" && length(field.ttl_config) == 1])
    error_message = "What has an end is deleted at it."
  }

  # Events

  assert {
    condition     = alltrue([for topic in google_pubsub_topic.topic : topic.kms_key_name == "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/data" && toset(topic.message_storage_policy[0].allowed_persistence_regions) == toset(["europe-west3"])])
    error_message = "Messages are under our key, and stay in the region."
  }
  assert {
    condition     = google_pubsub_topic.topic["events"].schema_settings[0].encoding == "JSON" && google_pubsub_topic.topic["events"].schema_settings[0].schema == "projects/modelseal-prod-example/schemas/event"
    error_message = "Events are held to their schema."
  }
  assert {
    condition     = google_pubsub_schema.event.type == "AVRO" && google_pubsub_schema.event.definition == file("${path.module}/pubsub/event.avsc")
    error_message = "The schema is the one that the code makes."
  }
  assert {
    condition     = toset([for column in jsondecode(google_bigquery_table.raw["events"].schema) : column.name]) == toset([for column in jsondecode(file("${path.module}/bigquery/events_raw.json")) : column.name]) && google_pubsub_subscription.bigquery["events"].bigquery_config[0].use_topic_schema && google_pubsub_subscription.bigquery["events"].bigquery_config[0].write_metadata
    error_message = "Analysts get the schema's columns."
  }
  assert {
    condition = (
      google_pubsub_subscription.push["score"].push_config[0].oidc_token[0].audience == "https://score-123456789012.europe-west3.run.app" &&
      google_pubsub_subscription.push["score"].push_config[0].oidc_token[0].service_account_email == "invoker-push@modelseal-prod-example.iam.gserviceaccount.com" &&
      startswith(google_pubsub_subscription.push["score"].push_config[0].push_endpoint, "https://score-123456789012.europe-west3.run.app")
    )
    error_message = "Pushes go to the scorer, with an identity that is for it."
  }
  assert {
    condition     = google_pubsub_subscription.push["score"].ack_deadline_seconds >= 60 && google_pubsub_subscription.push["score"].ack_deadline_seconds > tonumber(trimsuffix(local.functions.score.timeout, "s"))
    error_message = "Nothing is sent again while it is worked on."
  }
  assert {
    condition = alltrue([for subscription in concat(values(google_pubsub_subscription.bigquery), [google_pubsub_subscription.push["score"]]) :
      subscription.dead_letter_policy[0].dead_letter_topic == "projects/modelseal-prod-example/topics/dead-letters" &&
      subscription.dead_letter_policy[0].max_delivery_attempts <= 10 &&
      subscription.expiration_policy[0].ttl == "" &&
      subscription.retry_policy[0].maximum_backoff == "600s"
    ])
    error_message = "What fails ends in the dead letters, and no subscription expires."
  }
  assert {
    condition = (
      google_pubsub_subscription.push["orders"].push_config[0].oidc_token[0].audience == "https://orders-123456789012.europe-west3.run.app" &&
      google_pubsub_subscription.push["orders"].push_config[0].oidc_token[0].service_account_email == "invoker-push@modelseal-prod-example.iam.gserviceaccount.com" &&
      google_pubsub_subscription.push["orders"].message_retention_duration == "600s" &&
      google_pubsub_subscription.push["orders"].ack_deadline_seconds > tonumber(trimsuffix(local.functions.orders.timeout, "s"))
    )
    error_message = "Orders are pushed to who signs, with an identity that is for it, and are kept for no later day."
  }
  assert {
    condition     = google_pubsub_subscription.dead_letters.expiration_policy[0].ttl == "" && google_pubsub_subscription.dead_letters.message_retention_duration == "2678400s"
    error_message = "Dead letters are kept for a month."
  }
  assert {
    condition = (
      google_pubsub_topic_iam_member.dead_letters_agent.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.dead_letters_agent.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com" &&
      toset(keys(google_pubsub_subscription_iam_member.dead_letters_agent)) == toset(["score", "orders", "events-bigquery", "decisions-bigquery"]) &&
      alltrue([for member in google_pubsub_subscription_iam_member.dead_letters_agent : member.role == "roles/pubsub.subscriber"])
    )
    error_message = "Pub/Sub may move what fails."
  }
  assert {
    condition = alltrue([for name, job in google_cloud_scheduler_job.function :
      job.http_target[0].oidc_token[0].audience == "https://${name}-123456789012.europe-west3.run.app" &&
      job.http_target[0].uri == "https://${name}-123456789012.europe-west3.run.app${local.table[name].path}" &&
      job.schedule == local.table[name].cron && job.attempt_deadline == local.functions[name].timeout
    ])
    error_message = "Schedules call their function, with an identity that is for it, and wait as long as it may run."
  }
  assert {
    condition     = toset([for criterion in google_eventarc_trigger.intake[0].matching_criteria : criterion.value]) == toset(["google.cloud.storage.object.v1.finalized", "modelseal-prod-example-intake"])
    error_message = "New objects of the intake bucket are published."
  }
  assert {
    condition     = toset(keys(google_cloud_run_v2_service_iam_member.invoker)) == toset([for name, row in local.table : name if !contains(["http", "console"], row.kind)])
    error_message = "Every worker has a caller."
  }

  # Edge

  assert {
    condition     = alltrue([for backend in google_compute_backend_service.function : backend.security_policy == "projects/modelseal-prod-example/global/securityPolicies/modelseal-edge" && backend.load_balancing_scheme == "EXTERNAL_MANAGED"])
    error_message = "Everything is behind Cloud Armor."
  }
  assert {
    condition     = one(google_compute_global_forwarding_rule.https).port_range == "443" && google_compute_ssl_policy.modern.min_tls_version == "TLS_1_2" && google_compute_ssl_policy.modern.profile == "RESTRICTED"
    error_message = "Only TLS."
  }
  assert {
    condition     = toset([for rule in google_compute_security_policy.edge.rule : rule.priority if !rule.preview && rule.action == "deny(403)"]) == toset([100, 110, 200, 210, 220, 230])
    error_message = "Methods, bodies and the preconfigured rules are enforced, not only looked at."
  }
  assert {
    condition     = one([for rule in google_compute_security_policy.edge.rule : rule if rule.priority == 50]).preview && one([for rule in google_compute_security_policy.edge.rule : rule if rule.priority == 50]).action == "deny(429)"
    error_message = "The brake is off until it is pulled."
  }
  assert {
    condition = alltrue([
      for rule in google_compute_security_policy.edge.rule :
      rule.action == "rate_based_ban" && rule.rate_limit_options[0].rate_limit_threshold[0].count <= 600 && rule.rate_limit_options[0].rate_limit_threshold[0].interval_sec == 60 &&
      rule.rate_limit_options[0].ban_duration_sec >= 60 && rule.rate_limit_options[0].enforce_on_key == "IP"
      if rule.priority == 1000
    ]) && length([for rule in google_compute_security_policy.edge.rule : rule if rule.priority == 1000]) == 1
    error_message = "A flood without tokens is banned at 600 a minute or fewer."
  }
  assert {
    condition = alltrue([
      for rule in google_compute_security_policy.edge.rule :
      rule.action == "throttle" && rule.rate_limit_options[0].rate_limit_threshold[0].count >= 3000 && rule.rate_limit_options[0].rate_limit_threshold[0].count <= 20000 &&
      strcontains(rule.match[0].expr[0].expression, "authorization")
      if rule.priority == 900
    ]) && length([for rule in google_compute_security_policy.edge.rule : rule if rule.priority == 900]) == 1
    error_message = "A carrier's gateway is slowed down at thousands, and never banned."
  }
  assert {
    condition     = google_compute_security_policy.edge.adaptive_protection_config[0].layer_7_ddos_defense_config[0].enable
    error_message = "Floods of another kind are told of."
  }
  assert {
    condition = toset(flatten([for matcher in google_compute_url_map.api[0].path_matcher : [for route in matcher.route_rules : one([for match in route.match_rules : match.path_template_match])]])) == toset(concat(
      flatten([for row in local.public_functions : row.routes]), [for name in keys(local.public_functions) : "/health/${name}"]
    ))
    error_message = "Every route of the API leads somewhere, and no other."
  }

  # Release

  assert {
    condition     = google_cloudbuild_trigger.deploy[0].approval_config[0].approval_required
    error_message = "A person approves each release."
  }
  assert {
    condition = (
      endswith(google_cloudbuild_trigger.deploy[0].service_account, "/release-deploy@modelseal-prod-example.iam.gserviceaccount.com") &&
      endswith(google_cloudbuild_trigger.release[0].service_account, "/release-build@modelseal-prod-example.iam.gserviceaccount.com") &&
      endswith(google_cloudbuild_trigger.pull_request[0].service_account, "/release-check@modelseal-prod-example.iam.gserviceaccount.com") &&
      endswith(google_cloudbuild_trigger.watch["drift"].service_account, "/release-plan@modelseal-prod-example.iam.gserviceaccount.com") &&
      endswith(google_cloudbuild_trigger.watch["smoke"].service_account, "/release-smoke@modelseal-prod-example.iam.gserviceaccount.com") &&
      endswith(google_cloudbuild_trigger.brake[0].service_account, "/release-brake@modelseal-prod-example.iam.gserviceaccount.com")
    )
    error_message = "Each build runs as its own account."
  }
  assert {
    condition     = google_cloudbuild_trigger.pull_request[0].repository_event_config[0].pull_request[0].comment_control == "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    error_message = "A stranger's pull request is built when a person says so."
  }
  assert {
    condition     = google_artifact_registry_repository.images.docker_config[0].immutable_tags && google_artifact_registry_repository.images.kms_key_name == "projects/modelseal-prod-example/locations/europe-west3/keyRings/modelseal/cryptoKeys/data"
    error_message = "A tag names one image for ever."
  }
  assert {
    condition     = { for name, member in google_artifact_registry_repository_iam_member.release : name => member.role } == { build = "roles/artifactregistry.writer", deploy = "roles/artifactregistry.reader" }
    error_message = "The build writes images, the deployment reads them."
  }
  assert {
    condition     = toset(google_project_iam_custom_role.releaser.permissions) == toset(["run.revisions.get", "run.services.get", "run.services.update"])
    error_message = "A release makes revisions and moves traffic, and no more."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.build_asks_for_release.member == "serviceAccount:release-build@modelseal-prod-example.iam.gserviceaccount.com" && google_pubsub_topic_iam_member.build_asks_for_release.role == "roles/pubsub.publisher"
    error_message = "Only the build asks for a release."
  }
  assert {
    condition = (
      google_binary_authorization_policy.attested[0].default_admission_rule[0].evaluation_mode == "REQUIRE_ATTESTATION" &&
      google_binary_authorization_policy.attested[0].default_admission_rule[0].enforcement_mode == "ENFORCED_BLOCK_AND_AUDIT_LOG" &&
      toset(google_binary_authorization_policy.attested[0].default_admission_rule[0].require_attestations_by) == toset(["projects/modelseal-prod-example/attestors/built-by-cloud-build"])
    )
    error_message = "Images run only if Cloud Build, which signs what it built, has attested them."
  }
  assert {
    condition = toset([for member in concat(
      values(google_project_iam_member.firestore), values(google_project_iam_member.analyst_jobs), values(google_project_iam_member.scan),
      [google_project_iam_member.eventarc, google_project_iam_member.storage_notifications],
      ) : member.role]) == toset([
      "roles/datastore.user", "roles/datastore.viewer", "roles/bigquery.jobUser", "roles/logging.viewAccessor",
      "roles/eventarc.eventReceiver", "roles/pubsub.publisher",
    ])
    error_message = "Nobody has a wide role in the project."
  }
  assert {
    condition     = alltrue([for member in google_project_iam_member.firestore : strcontains(one(member.condition).expression, "databases/(default)")])
    error_message = "A function reaches one database."
  }

  # Watching

  assert {
    condition     = google_logging_project_bucket_config.security.locked && google_logging_project_bucket_config.security.retention_days >= 400
    error_message = "The security log is locked for 400 days."
  }
  assert {
    condition     = strcontains(google_logging_project_sink.security.filter, "cloudaudit") && strcontains(google_logging_project_sink.security.filter, "OR jsonPayload.message=\"ledger block\"") && endswith(google_logging_project_sink.security.destination, "locations/europe-west3/buckets/modelseal-security")
    error_message = "Audit logs and warnings are in the locked log."
  }
  assert {
    condition     = toset(keys(google_project_iam_audit_config.data)) == toset(["cloudkms.googleapis.com", "storage.googleapis.com", "secretmanager.googleapis.com"]) && alltrue([for config in google_project_iam_audit_config.data : toset([for log in config.audit_log_config : log.log_type]) == toset(["DATA_READ", "DATA_WRITE"])])
    error_message = "Reads of keys, objects and secrets are logged."
  }
  assert {
    condition = alltrue([for policy in concat(
      values(google_monitoring_alert_policy.threshold), values(google_monitoring_alert_policy.absent), values(google_monitoring_alert_policy.burn),
      values(google_monitoring_alert_policy.watch), [google_monitoring_alert_policy.probe],
    ) : anytrue([for link in policy.documentation[0].links : startswith(link.url, var.runbook_url)])])
    error_message = "Every alert links to what to do."
  }
  assert {
    condition = alltrue(flatten([for policy in concat(
      values(google_monitoring_alert_policy.threshold), values(google_monitoring_alert_policy.absent),
      ) : [for link in policy.documentation[0].links :
      startswith(link.url, "${var.runbook_url}#") || can(regex("^https://console\\.example\\.com/#/[a-z]*$", link.url))
    ]])) && length(google_monitoring_alert_policy.threshold["rollout-halted"].documentation[0].links) == 2
    error_message = "An alert that the console shows links to its page, and to nobody's name."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.threshold["scoring-late"].conditions[0].condition_threshold[0].filter, "subscription_id=\"events-score\"") && google_monitoring_alert_policy.threshold["scoring-late"].conditions[0].condition_threshold[0].threshold_value <= 120
    error_message = "Late scoring is told of by its own subscription."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.threshold["orders-late"].conditions[0].condition_threshold[0].filter, "subscription_id=\"orders\"") && google_monitoring_alert_policy.threshold["orders-late"].conditions[0].condition_threshold[0].threshold_value <= 240 && length(google_monitoring_alert_policy.threshold["orders-late"].documentation[0].links) == 2
    error_message = "An order that nobody answers is told of within five minutes, with the page that shows it."
  }
  assert {
    condition     = toset(keys(google_service_account_iam_member.push_tokens)) == toset(["push", "intake", "bigquery"]) && alltrue([for member in google_service_account_iam_member.push_tokens : member.role == "roles/iam.serviceAccountTokenCreator"])
    error_message = "Pub/Sub may make the identity of each account that it pushes as."
  }
  assert {
    condition     = var.metric_wait_seconds >= 600
    error_message = "A metric is given the ten minutes that it may take to be known."
  }
  assert {
    condition = alltrue([for name in ["breaker", "campaign"] :
      strcontains(google_monitoring_alert_policy.threshold[name].conditions[0].condition_threshold[0].filter, "user/modelseal_${name}") &&
      google_monitoring_alert_policy.threshold[name].conditions[0].condition_threshold[0].threshold_value == 0
    ])
    error_message = "A person looks when the breaker holds blocks back, or a campaign begins."
  }
  assert {
    condition     = google_monitoring_slo.availability.goal == 0.999
    error_message = "The objective is 99.9 %."
  }
  assert {
    condition     = google_monitoring_uptime_check_config.api.http_check[0].use_ssl && google_monitoring_uptime_check_config.api.http_check[0].validate_ssl && google_monitoring_uptime_check_config.api.monitored_resource[0].labels.host == "models.example.com"
    error_message = "The API is looked at from outside."
  }
  assert {
    condition     = google_billing_budget.monthly[0].all_updates_rule[0].pubsub_topic == "projects/modelseal-prod-example/topics/budget" && google_cloudbuild_trigger.brake[0].pubsub_config[0].topic == "projects/modelseal-prod-example/topics/budget" && tonumber(google_cloudbuild_trigger.brake[0].substitutions._PERCENT) <= 200
    error_message = "The budget pulls the brake."
  }
  assert {
    condition     = google_bigquery_data_transfer_config.scan.email_preferences[0].enable_failure_email && strcontains(google_bigquery_data_transfer_config.scan.params.query, "ERROR(") && google_logging_project_bucket_config.functions.enable_analytics
    error_message = "Logs are looked through each night, and somebody is told."
  }
}
