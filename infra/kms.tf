# Four keys for four purposes; a function may use at most one operation of each (functions.tf).

resource "google_kms_key_ring" "modelseal" {
  name       = "modelseal"
  location   = var.region
  depends_on = [google_project_service.api]
}

# Wraps the data key of every published version.
resource "google_kms_crypto_key" "vault" {
  name                       = "vault"
  key_ring                   = google_kms_key_ring.modelseal.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "2592000s"
  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "HSM"
  }
  lifecycle {
    prevent_destroy = true
  }
}

# Signs manifests, at publish time only. Asymmetric keys do not rotate by themselves: docs/ops/operations.md.
resource "google_kms_crypto_key" "manifest" {
  name                       = "manifest"
  key_ring                   = google_kms_key_ring.modelseal.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s"
  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "HSM"
  }
  lifecycle {
    prevent_destroy = true
  }
}

# Certifies the licence keys in the instances' memory, for an hour at a time.
resource "google_kms_crypto_key" "licence" {
  name                       = "licence"
  key_ring                   = google_kms_key_ring.modelseal.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s"
  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "HSM"
  }
  lifecycle {
    prevent_destroy = true
  }
}

# Encrypts what Google stores for us: buckets, messages, documents, tables, images, secrets.
resource "google_kms_crypto_key" "data" {
  name                       = "data"
  key_ring                   = google_kms_key_ring.modelseal.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "2592000s"
  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "HSM"
  }
  lifecycle {
    prevent_destroy = true
  }
}

locals {
  number = data.google_project.this.number
  # Google's own accounts that encrypt with the data key. `gcloud beta services identity create`
  # makes one that is not there yet.
  service_agents = {
    storage   = "service-${local.number}@gs-project-accounts.iam.gserviceaccount.com"
    pubsub    = "service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    firestore = "service-${local.number}@gcp-sa-firestore.iam.gserviceaccount.com"
    bigquery  = "bq-${local.number}@bigquery-encryption.iam.gserviceaccount.com"
    artifacts = "service-${local.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    secrets   = "service-${local.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "data" {
  for_each      = local.service_agents
  crypto_key_id = google_kms_crypto_key.data.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
