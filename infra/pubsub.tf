# What Pub/Sub holds events to; made from the code, as is the table that takes them. The table
# comes first: it knows a new member before any message has it.
resource "google_pubsub_schema" "event" {
  name       = "event"
  type       = "AVRO"
  definition = file("${path.module}/pubsub/event.avsc")
  depends_on = [google_bigquery_table.raw]
}

locals {
  week = "604800s"
  topics = {
    events    = { retention = local.week, schema = [local.schema_name] }
    decisions = { retention = local.week, schema = [] }
    # What publishers order in the console. Two minutes old it is refused: nothing is kept for later.
    orders = { retention = "600s", schema = [] }
    # What could not be dealt with, with its cause; kept a month, looked at by a person.
    "dead-letters" = { retention = "2678400s", schema = [] }
  }
  # What is written to BigQuery as it was published.
  exported = toset(["events", "decisions"])
}

resource "google_pubsub_topic" "topic" {
  for_each                   = local.topics
  name                       = each.key
  kms_key_name               = local.data_key
  message_retention_duration = each.value.retention
  labels                     = local.labels
  message_storage_policy {
    allowed_persistence_regions = concat([var.region], var.other_regions)
  }
  dynamic "schema_settings" {
    for_each = each.value.schema
    content {
      schema   = schema_settings.value
      encoding = "JSON"
    }
  }
  depends_on = [terraform_data.cmek_ready]
}

locals {
  # Topics that are pushed to a function, by its name. Pub/Sub waits for an answer as long as the function may work: sooner, it would
  # send again what is being worked on.
  pushes = { for name, push in {
    score = { name = "events-score", topic = "events", ack_seconds = 60, retention = local.week, longest_backoff = "600s", attempts = 10 }
    # Minutes, not days: who ordered it has long acted otherwise.
    orders = { name = "orders", topic = "orders", ack_seconds = 90, retention = "600s", longest_backoff = "30s", attempts = 20 }
  } : name => push if var.image != "" }
}

resource "google_pubsub_subscription" "push" {
  for_each                   = local.pushes
  name                       = each.value.name
  topic                      = local.topic_names[each.value.topic]
  ack_deadline_seconds       = each.value.ack_seconds
  message_retention_duration = each.value.retention
  labels                     = local.labels
  expiration_policy {
    ttl = ""
  }
  push_config {
    # The Functions Framework makes the CloudEvent's source of this path.
    push_endpoint = "${local.urls[each.key]}/${local.topic_names[each.value.topic]}"
    oidc_token {
      service_account_email = google_service_account.invoker["push"].email
      audience              = local.urls[each.key]
    }
  }
  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = each.value.longest_backoff
  }
  dead_letter_policy {
    dead_letter_topic     = local.topic_names["dead-letters"]
    max_delivery_attempts = each.value.attempts
  }
  depends_on = [google_pubsub_topic_iam_member.dead_letters_agent]
}

moved {
  from = google_pubsub_subscription.score[0]
  to   = google_pubsub_subscription.push["score"]
}

moved {
  from = google_pubsub_subscription.orders[0]
  to   = google_pubsub_subscription.push["orders"]
}

resource "google_pubsub_subscription" "bigquery" {
  for_each                   = local.exported
  name                       = "${each.key}-bigquery"
  topic                      = local.topic_names[each.key]
  message_retention_duration = local.week
  labels                     = local.labels
  expiration_policy {
    ttl = ""
  }
  bigquery_config {
    table                 = "${google_bigquery_table.raw[each.key].project}.${google_bigquery_table.raw[each.key].dataset_id}.${google_bigquery_table.raw[each.key].table_id}"
    use_topic_schema      = each.key == "events"
    write_metadata        = true
    service_account_email = google_service_account.invoker["bigquery"].email
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = local.topic_names["dead-letters"]
    max_delivery_attempts = 10
  }
  depends_on = [google_pubsub_topic_iam_member.dead_letters_agent, google_bigquery_dataset_iam_member.writer]
}

# Holds dead letters until somebody pulls them.
resource "google_pubsub_subscription" "dead_letters" {
  name                       = "dead-letters"
  topic                      = local.topic_names["dead-letters"]
  ack_deadline_seconds       = 600
  message_retention_duration = "2678400s"
  labels                     = local.labels
  expiration_policy {
    ttl = ""
  }
}
