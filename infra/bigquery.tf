resource "google_bigquery_dataset" "events" {
  dataset_id                 = "modelseal"
  location                   = local.places.data
  description                = "Events and decisions: pseudonyms and keyed hashes only."
  delete_contents_on_destroy = !var.protect_data
  labels                     = local.labels
  default_encryption_configuration {
    kms_key_name = local.data_key
  }
  depends_on = [terraform_data.cmek_ready]
}

# Messages as they were published: of events a column for each member, of decisions the whole as
# JSON. A message that does not fit waits in its subscription, and then in the dead letters.
resource "google_bigquery_table" "raw" {
  for_each            = toset(["events", "decisions"])
  dataset_id          = google_bigquery_dataset.events.dataset_id
  table_id            = "${each.key}_raw"
  deletion_protection = var.protect_data
  labels              = local.labels
  clustering          = ["message_id"]
  # A query that names no time would read more than a year.
  require_partition_filter = true
  time_partitioning {
    type          = "DAY"
    field         = "publish_time"
    expiration_ms = 34214400000
  }
  schema = each.key == "events" ? file("${path.module}/bigquery/events_raw.json") : jsonencode([
    { name = "subscription_name", type = "STRING" },
    { name = "message_id", type = "STRING" },
    { name = "publish_time", type = "TIMESTAMP" },
    { name = "attributes", type = "JSON" },
    { name = "data", type = "JSON" },
  ])
}

resource "google_bigquery_table" "view" {
  for_each            = fileset("${path.module}/bigquery/views", "*.sql")
  dataset_id          = google_bigquery_dataset.events.dataset_id
  table_id            = trimsuffix(each.key, ".sql")
  deletion_protection = false
  labels              = local.labels
  view {
    query          = templatefile("${path.module}/bigquery/views/${each.key}", { project = var.project_id, dataset = google_bigquery_dataset.events.dataset_id })
    use_legacy_sql = false
  }
  depends_on = [google_bigquery_table.raw]
}
