resource "google_firestore_database" "modelseal" {
  name                              = var.database
  location_id                       = local.places.database
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "PESSIMISTIC"
  point_in_time_recovery_enablement = var.environment == "prod" ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.protect_data ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.protect_data ? "ABANDON" : "DELETE"
  cmek_config {
    kms_key_name = local.data_key
  }
  lifecycle {
    prevent_destroy = var.protect_data
  }
  depends_on = [terraform_data.cmek_ready]
}

# What the code gives an `expireAt` is deleted by the database within a day of it. Every read checks
# the time itself. The field grows with the clock, so indexing it would make one hot index range.
resource "google_firestore_field" "expiry" {
  for_each   = toset(["challenges", "limits", "devices", "grants", "blocklist", "risk", "tallies", "breakers", "campaigns", "audit", "erasures", "outbox", "pseudonyms", "urlKeys", "sessions", "votes", "rollouts", "orders", "counts", "leaks"])
  database   = google_firestore_database.modelseal.name
  collection = each.key
  field      = "expireAt"
  ttl_config {}
  index_config {}
}

# What nothing queries by: large maps, of which each member would be paid and counted, and times that
# grow with the clock, of which the index would take 500 writes a second.
resource "google_firestore_field" "unindexed" {
  for_each   = toset(["grants/createdAt", "grants/salt", "ledger/leaves", "models/versions", "models/ownerSeal", "devices/seal", "risk/trails", "risk/links", "risk/linked", "risk/spans", "risk/shadowSpans", "risk/announced", "risk/shadowAnnounced", "risk/occasions", "risk/heldBackAs", "tallies/items", "tallies/restored", "tallies/erased", "breakers/days", "breakers/subjects", "campaigns/uses", "outbox/message", "counts/counts", "counts/rules", "counts/took", "leaks/result"])
  database   = google_firestore_database.modelseal.name
  collection = split("/", each.key)[0]
  field      = split("/", each.key)[1]
  index_config {}
}

# Nobody but our functions reads the database, and they are not subject to rules: everything is denied.
resource "google_firebaserules_ruleset" "deny" {
  source {
    files {
      name    = "firestore.rules"
      content = file("${path.module}/firestore.rules")
    }
  }
  lifecycle {
    create_before_destroy = true
  }
  depends_on = [google_firestore_database.modelseal]
}

resource "google_firebaserules_release" "firestore" {
  # Rules of a named database are released under its name.
  name         = var.database == "(default)" ? "cloud.firestore" : "cloud.firestore/${var.database}"
  ruleset_name = google_firebaserules_ruleset.deny.name
}

resource "google_firestore_backup_schedule" "daily" {
  count     = var.environment == "prod" ? 1 : 0
  database  = google_firestore_database.modelseal.name
  retention = "1209600s"
  daily_recurrence {}
}
