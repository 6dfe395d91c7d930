# One Cloud Run service for each function in each of its regions, all of one image.

resource "google_cloud_run_v2_service" "function" {
  for_each            = local.deployments
  name                = each.value.function
  location            = each.value.region
  deletion_protection = var.protect_data
  # A worker is called by Pub/Sub, Eventarc or Scheduler of this project; the API only through the load balancer. What
  # Firebase Hosting hands on comes from the internet: https://cloud.google.com/run/docs/securing/ingress
  ingress = lookup({ http = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", console = "INGRESS_TRAFFIC_ALL" }, each.value.kind, "INGRESS_TRAFFIC_INTERNAL_ONLY")
  # The API and the console authenticate their users themselves; workers are called with an identity token that Cloud Run checks.
  invoker_iam_disabled = contains(["http", "console"], each.value.kind)
  labels               = local.labels

  template {
    service_account                  = google_service_account.function[each.value.function].email
    timeout                          = each.value.timeout
    max_instance_request_concurrency = each.value.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    labels                           = local.labels

    scaling {
      min_instance_count = var.environment == "prod" ? each.value.warm : 0
      max_instance_count = each.value.instances
    }

    containers {
      image = var.image

      resources {
        limits            = { cpu = "1", memory = each.value.memory }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      env {
        name  = "FUNCTION_TARGET"
        value = each.value.function
      }

      env {
        name  = "FUNCTION_SIGNATURE_TYPE"
        value = contains(["http", "console", "schedule"], each.value.kind) ? "http" : "cloudevent"
      }

      # What it works on at once is what it is sent at once: more only where this service is not in between.
      env {
        name  = "INSTANCE_CONCURRENCY"
        value = each.value.concurrency
      }

      dynamic "env" {
        for_each = local.function_environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = concat(each.value.secrets, contains(local.integrity_readers, each.value.function) ? ["INTEGRITY_KEYS"] : [])
        content {
          name = env.value
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret[env.value].secret_id
              version = var.secret_versions[env.value]
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30
        tcp_socket {
          port = 8080
        }
      }
    }
  }

  dynamic "binary_authorization" {
    for_each = var.require_signed_images ? [1] : []
    content {
      use_default = true
    }
  }

  # Releases choose image and traffic (scripts/release); a change made here takes effect with the next one.
  # They never name a revision: a name that stayed in the template would be sent again and refused with 409.
  lifecycle {
    ignore_changes = [template[0].containers[0].image, traffic, client, client_version]
  }

  depends_on = [terraform_data.access_ready]
}
