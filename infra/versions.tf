terraform {
  # 1.12: `prevent_destroy` by variable (https://opentofu.org/docs/language/meta-arguments/lifecycle/).
  required_version = ">= 1.12"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
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
