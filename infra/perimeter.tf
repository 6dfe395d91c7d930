# Data does not leave the project with stolen credentials, except by what the rules below let out.
resource "google_access_context_manager_service_perimeter" "modelseal" {
  count  = var.access_policy == "" ? 0 : 1
  parent = "accessPolicies/${var.access_policy}"
  name   = "accessPolicies/${var.access_policy}/servicePerimeters/modelseal_${var.environment}"
  title  = "modelseal_${var.environment}"
  status {
    resources = ["projects/${local.number}"]
    restricted_services = [
      "bigquery.googleapis.com",
      "cloudkms.googleapis.com",
      "firestore.googleapis.com",
      "pubsub.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ]
    # Phones fetch sealed objects by signed URL from anywhere: reading objects is let in, for the
    # account that signs those URLs and nobody else.
    ingress_policies {
      ingress_from {
        identities = ["serviceAccount:${google_service_account.function["grant"].email}"]
        sources {
          access_level = "*"
        }
      }
      ingress_to {
        resources = ["projects/${local.number}"]
        operations {
          service_name = "storage.googleapis.com"
          method_selectors {
            method = "google.storage.objects.get"
          }
        }
      }
    }
  }
}
