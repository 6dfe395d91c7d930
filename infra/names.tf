# Full names of what is made here, put together from parts that a plan knows: so a plan shows, and tests
# hold, which key, topic or role is meant, and OpenTofu still sees what has to be made first.

locals {
  in_project = "projects/${var.project_id}"

  key_rings = { for location, ring in google_kms_key_ring.modelseal :
    location => "${local.in_project}/locations/${location}/keyRings/${ring.name}"
  }
  key_names = { for name, key in google_kms_crypto_key.key :
    name => "${local.key_rings[local.places.keys]}/cryptoKeys/${key.name}"
  }
  # By location.
  data_keys = { for location, key in google_kms_crypto_key.data :
    location => "${local.key_rings[location]}/cryptoKeys/${key.name}"
  }
  data_key = local.data_keys[local.places.keys]

  topic_names  = { for name, topic in google_pubsub_topic.topic : name => "${local.in_project}/topics/${topic.name}" }
  signal_names = { for name, topic in google_pubsub_topic.signal : name => "${local.in_project}/topics/${topic.name}" }
  schema_name  = "${local.in_project}/schemas/${google_pubsub_schema.event.name}"

  object_roles    = { for name, role in google_project_iam_custom_role.object : name => "${local.in_project}/roles/${role.role_id}" }
  public_key_role = "${local.in_project}/roles/${google_project_iam_custom_role.public_key_reader.role_id}"
  releaser_role   = "${local.in_project}/roles/${google_project_iam_custom_role.releaser.role_id}"

  # https://cloud.google.com/run/docs/triggering/https-request#deterministic
  urls = { for name, service in google_cloud_run_v2_service.function :
    name => "https://${service.name}-${local.number}.${service.location}.run.app"
  }

  edge_policy = "${local.in_project}/global/securityPolicies/${google_compute_security_policy.edge.name}"
  log_buckets = {
    security  = "${local.in_project}/locations/${var.region}/buckets/${google_logging_project_bucket_config.security.bucket_id}"
    functions = "${local.in_project}/locations/${var.region}/buckets/${google_logging_project_bucket_config.functions.bucket_id}"
  }
  budget_topic = "${local.in_project}/topics/${google_pubsub_topic.budget.name}"
}
