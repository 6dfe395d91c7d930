terraform {
  required_version = ">= 1.9"

  # `terraform init -backend-config=bucket=STATE_BUCKET`; docs/ops/operations.md makes the bucket.
  backend "gcs" {
    prefix = "modelseal"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

provider "google" {
  project               = var.project_id
  region                = var.region
  billing_project       = var.project_id
  user_project_override = true
  default_labels        = local.labels
}

data "google_project" "this" {
  project_id = var.project_id
}
