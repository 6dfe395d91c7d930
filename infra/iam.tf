# Every grant there is. infra/access.test.ts holds the reviewed list: a role that is added or widened
# here fails there until somebody reviews it.

resource "google_project_iam_custom_role" "object" {
  for_each = {
    sealedWriter   = ["storage.objects.create", "storage.objects.delete"]
    sealedReader   = ["storage.objects.get"]
    sealedSweeper  = ["storage.objects.delete", "storage.objects.list"]
    vaultWriter    = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"]
    intakeConsumer = ["storage.objects.delete", "storage.objects.get"]
    # Whose a waiting model is stands in its metadata, which a listing shows.
    intakeEraser = ["storage.objects.delete", "storage.objects.list"]
    objectEraser = ["storage.objects.delete"]
    # Keeps what is brought and hands out what was found; replaces and lists nothing.
    leakKeeper = ["storage.objects.create", "storage.objects.get"]
    leakTracer = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"]
  }
  role_id     = each.key
  title       = "modelseal ${each.key}"
  permissions = each.value
}

resource "google_project_iam_custom_role" "public_key_reader" {
  role_id     = "publicKeyReader"
  title       = "modelseal publicKeyReader"
  permissions = ["cloudkms.cryptoKeyVersions.viewPublicKey"]
}

locals {
  callers = { events = "push", orders = "push", intake = "intake", schedule = "scheduler" }
  members = { for name, account in google_service_account.function : name => "serviceAccount:${account.email}" }

  topic_grants = merge([
    for name, function in local.functions : {
      for topic in try(function.access.topics, []) : "${name}/${topic}" => { function = name, topic = topic }
    }
  ]...)
  bucket_grants = merge([
    for name, function in local.functions : {
      for bucket, role in try(function.access.buckets, {}) : "${name}/${bucket}" => { function = name, bucket = bucket, role = role }
    }
  ]...)
  key_grants = merge([
    for name, function in local.functions : {
      for key, role in try(function.access.keys, {}) : "${name}/${key}" => { function = name, key = key, role = role }
    }
  ]...)
  # Who signs is told with which version (SIGNING_KEYS), and reads nothing of the key.
  key_readers = merge([
    for name, function in local.functions : {
      for key in try(function.access.reads_public_keys, []) : "${name}/${key}" => { function = name, key = key }
    }
  ]...)
  secret_grants = merge([
    for name, function in local.functions : {
      for secret in concat(function.secrets, contains(local.integrity_readers, name) ? ["INTEGRITY_KEYS"] : []) : "${name}/${secret}" => { function = name, secret = secret }
    }
  ]...)
}

resource "google_pubsub_topic_iam_member" "function" {
  for_each = local.topic_grants
  topic    = local.topic_names[each.value.topic]
  role     = "roles/pubsub.publisher"
  member   = local.members[each.value.function]
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = local.bucket_grants
  bucket   = google_storage_bucket.models[each.value.bucket].name
  role     = startswith(each.value.role, "roles/") ? each.value.role : local.object_roles[each.value.role]
  member   = local.members[each.value.function]
}

resource "google_kms_crypto_key_iam_member" "function" {
  for_each      = local.key_grants
  crypto_key_id = local.key_names[each.value.key]
  role          = each.value.role
  member        = local.members[each.value.function]
}

resource "google_kms_crypto_key_iam_member" "public_keys" {
  for_each      = local.key_readers
  crypto_key_id = local.key_names[each.value.key]
  role          = local.public_key_role
  member        = local.members[each.value.function]
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each  = local.secret_grants
  secret_id = google_secret_manager_secret.secret[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members[each.value.function]
}

# Firestore knows no narrower scope than the database.
resource "google_project_iam_member" "firestore" {
  for_each = { for name, function in local.functions : name => function.access.firestore if can(function.access.firestore) }
  project  = var.project_id
  role     = each.value
  member   = local.members[each.key]
  condition {
    title      = "one database only"
    expression = "resource.name == \"projects/${var.project_id}/databases/${var.database}\""
  }
}

# Whoever comes with a signed URL acts as this account, which nobody else does: an HMAC key of it is what
# URLs are signed under. It gets what it can name, and cannot list.
resource "google_service_account" "url_reader" {
  account_id   = "url-reader"
  display_name = "modelseal readers of signed URLs"
}

resource "google_storage_bucket_iam_member" "url_reader" {
  bucket = google_storage_bucket.models["sealed"].name
  role   = local.object_roles["sealedReader"]
  member = google_service_account.url_reader.member
}

# Accounts that call the workers, and the one that writes messages to BigQuery.
resource "google_service_account" "invoker" {
  for_each     = toset(["push", "intake", "scheduler", "bigquery"])
  account_id   = "invoker-${each.key}"
  display_name = "modelseal ${each.key}"
}

# What calls a worker follows from what it is for.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = { for name, function in local.functions : name => local.callers[function.kind] if contains(keys(local.callers), function.kind) }
  name     = google_cloud_run_v2_service.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.invoker[each.value].email}"
}

resource "google_project_iam_member" "eventarc" {
  project = var.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = "serviceAccount:${google_service_account.invoker["intake"].email}"
}

# Cloud Storage tells Eventarc of new objects through Pub/Sub.
resource "google_project_iam_member" "storage_notifications" {
  project = var.project_id
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.service_agents.storage}"
}

# Pub/Sub moves what nobody could take to the dead letters, and takes it off the subscription.
resource "google_pubsub_topic_iam_member" "dead_letters_agent" {
  topic  = local.topic_names["dead-letters"]
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${local.service_agents.pubsub}"
}

resource "google_pubsub_subscription_iam_member" "dead_letters_agent" {
  for_each = merge(
    { for name, subscription in google_pubsub_subscription.push : name => subscription.name },
    { for name, subscription in google_pubsub_subscription.bigquery : "${name}-bigquery" => subscription.name },
  )
  subscription = each.value
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${local.service_agents.pubsub}"
}

# Pub/Sub makes the identity tokens of its pushes and of Eventarc's, which are pushes, too, and fail in silence
# without (https://github.com/GoogleCloudPlatform/docker-clamav-malware-scanner/issues/47), and acts as the account
# that writes to BigQuery.
resource "google_service_account_iam_member" "push_tokens" {
  for_each           = toset(["push", "intake", "bigquery"])
  service_account_id = google_service_account.invoker[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${local.service_agents.pubsub}"
}

resource "google_bigquery_dataset_iam_member" "writer" {
  dataset_id = google_bigquery_dataset.events.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = "serviceAccount:${google_service_account.invoker["bigquery"].email}"
}

resource "google_bigquery_dataset_iam_member" "analyst" {
  for_each   = var.analysts
  dataset_id = google_bigquery_dataset.events.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.key
}

resource "google_project_iam_member" "analyst_jobs" {
  for_each = var.analysts
  project  = var.project_id
  role     = "roles/bigquery.jobUser"
  member   = each.key
}

resource "google_storage_bucket_iam_member" "intake_writers" {
  for_each = var.intake_writers
  bucket   = google_storage_bucket.models["intake"].name
  role     = "roles/storage.objectCreator"
  member   = each.key
}

# What a function needs when it starts, and a minute for it to be known everywhere.
resource "terraform_data" "access_ready" {
  triggers_replace = concat(
    [for grant in google_secret_manager_secret_iam_member.function : grant.id],
    [for grant in google_kms_crypto_key_iam_member.function : grant.id],
    [for grant in google_project_iam_member.firestore : grant.id],
  )
  provisioner "local-exec" {
    command = "sleep ${var.iam_wait_seconds}"
  }
}
