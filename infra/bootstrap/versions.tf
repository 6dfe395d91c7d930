# What must be there before infra/ can be planned: its own small state, which lies in this folder until
# the bucket is there, and in the bucket afterwards (docs/ops/operations.md, "Deploy from nothing").
terraform {
  required_version = ">= 1.12"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}

data "google_project" "this" {
  project_id = var.project_id
  depends_on = [google_project_service.first]
}
