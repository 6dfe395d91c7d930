# Data does not leave the project with stolen credentials, except by what the rules below let out. A perimeter
# begins as a dry run, which only logs what it would refuse (docs/ops/operations.md, "Perimeter").

locals {
  perimeters = var.access_policy == "" ? 0 : 1
  restricted = [
    "bigquery.googleapis.com",
    "cloudkms.googleapis.com",
    "firestore.googleapis.com",
    "logging.googleapis.com",
    "pubsub.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ]
  all_methods = [{ service = "*", methods = [] }]

  # Who is let in from where, and to which methods.
  ingress = concat(
    # Phones fetch sealed objects by signed URL from anywhere: reading objects is let in, for the account
    # that those URLs act as and nobody else.
    [{
      title      = "phones fetch what they were granted"
      identities = [google_service_account.url_reader.member]
      levels     = ["*"]
      operations = [{ service = "storage.googleapis.com", methods = ["google.storage.objects.get"] }]
    }],
    # Cloud Build's machines are not in the project's network.
    [{
      title      = "builds"
      identities = [for name in ["build", "deploy", "plan", "smoke"] : "serviceAccount:${local.releasers[name]}"]
      levels     = ["*"]
      operations = local.all_methods
    }],
    length(var.operators) > 0 ? [{
      title      = "operators, from where the organisation lets them work"
      identities = tolist(var.operators)
      levels     = length(var.operator_access_levels) > 0 ? var.operator_access_levels : ["*"]
      operations = local.all_methods
    }] : [],
  )
}

resource "google_access_context_manager_service_perimeter" "modelseal" {
  count                     = local.perimeters
  parent                    = "accessPolicies/${var.access_policy}"
  name                      = "accessPolicies/${var.access_policy}/servicePerimeters/modelseal_${var.environment}"
  title                     = "modelseal_${var.environment}"
  use_explicit_dry_run_spec = true

  dynamic "spec" {
    for_each = [1]
    content {
      resources           = ["projects/${local.number}"]
      restricted_services = local.restricted
      dynamic "ingress_policies" {
        for_each = local.ingress
        content {
          title = ingress_policies.value.title
          ingress_from {
            identities = ingress_policies.value.identities
            dynamic "sources" {
              for_each = ingress_policies.value.levels
              content {
                access_level = sources.value
              }
            }
          }
          ingress_to {
            resources = ["projects/${local.number}"]
            dynamic "operations" {
              for_each = ingress_policies.value.operations
              content {
                service_name = operations.value.service
                dynamic "method_selectors" {
                  for_each = operations.value.methods
                  content {
                    method = method_selectors.value
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  dynamic "status" {
    for_each = var.enforce_perimeter ? [1] : []
    content {
      resources           = ["projects/${local.number}"]
      restricted_services = local.restricted
      dynamic "ingress_policies" {
        for_each = local.ingress
        content {
          title = ingress_policies.value.title
          ingress_from {
            identities = ingress_policies.value.identities
            dynamic "sources" {
              for_each = ingress_policies.value.levels
              content {
                access_level = sources.value
              }
            }
          }
          ingress_to {
            resources = ["projects/${local.number}"]
            dynamic "operations" {
              for_each = ingress_policies.value.operations
              content {
                service_name = operations.value.service
                dynamic "method_selectors" {
                  for_each = operations.value.methods
                  content {
                    method = method_selectors.value
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
