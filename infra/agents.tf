# Google's own accounts, which read and write for us what is under our key.

data "google_project" "this" {
  project_id = var.project_id
}

# Both are made by being asked for.
data "google_storage_project_service_account" "this" {
  project = var.project_id
}

data "google_bigquery_default_service_account" "this" {
  project = var.project_id
}

locals {
  number = data.google_project.this.number
  # Of these Google's provider has no data source (only google-beta makes them): infra/bootstrap makes
  # them, and https://cloud.google.com/iam/docs/service-agents has their addresses.
  identity = { for service in ["pubsub", "firestore", "secretmanager", "artifactregistry"] :
    service => "service-${local.number}@gcp-sa-${service}.iam.gserviceaccount.com"
  }
  service_agents = {
    storage   = data.google_storage_project_service_account.this.email_address
    bigquery  = data.google_bigquery_default_service_account.this.email
    pubsub    = local.identity.pubsub
    firestore = local.identity.firestore
    secrets   = local.identity.secretmanager
    artifacts = local.identity.artifactregistry
  }
}
