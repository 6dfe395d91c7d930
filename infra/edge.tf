# The only way in: a global HTTPS load balancer with Cloud Armor. There is no port 80, so nobody
# sends a token in the clear and is redirected afterwards.

locals {
  # A release is tried at the host `candidate.…`, which leads to the revisions tagged `candidate`.
  hosts = { live = var.domain, candidate = "candidate.${var.domain}" }
  # Paths in the order of their priorities, the same for both hosts.
  routes = flatten([
    for name in sort(keys(local.public_functions)) : concat(
      [for path in local.public_functions[name].routes : { path = path, function = name }],
      [{ path = "/health/${name}", function = name }],
    )
  ])
  backends = merge([
    for name, function in local.public_functions : {
      for stage in keys(local.hosts) : "${name}-${stage}" => { function = name, stage = stage }
    }
  ]...)
  serving = length(local.public_functions) > 0 ? 1 : 0
  # A backend leads to its function in every region; the nearest that is well answers.
  endpoints = merge([
    for name, backend in local.backends : {
      for id, deployment in local.deployments :
      "${name}@${deployment.region}" => merge(backend, { backend = name, deployment = id, region = deployment.region })
      if deployment.function == backend.function
    }
  ]...)
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each              = local.endpoints
  name                  = each.value.backend
  region                = each.value.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = google_cloud_run_v2_service.function[each.value.deployment].name
    tag     = each.value.stage == "candidate" ? "candidate" : null
  }
}

resource "google_compute_backend_service" "function" {
  for_each              = local.backends
  name                  = each.key
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = local.edge_policy
  dynamic "backend" {
    for_each = { for id, endpoint in local.endpoints : id => endpoint if endpoint.backend == each.key }
    content {
      group = google_compute_region_network_endpoint_group.function[backend.key].id
    }
  }
  # Of two regions, one that answers with errors gets no more requests for a while.
  dynamic "outlier_detection" {
    for_each = length(var.other_regions) > 0 ? [1] : []
    content {
      consecutive_errors = 20
      interval {
        seconds = 10
      }
      base_ejection_time {
        seconds = 60
      }
      max_ejection_percent = 50
    }
  }
  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "api" {
  count = local.serving
  name  = "modelseal"
  # An unknown host or path gets the problem document of a function that knows no such route.
  default_service = google_compute_backend_service.function["keys-live"].id

  dynamic "host_rule" {
    for_each = local.hosts
    content {
      hosts        = [host_rule.value]
      path_matcher = host_rule.key
    }
  }

  dynamic "path_matcher" {
    for_each = local.hosts
    content {
      name            = path_matcher.key
      default_service = google_compute_backend_service.function["keys-${path_matcher.key}"].id
      dynamic "route_rules" {
        for_each = local.routes
        content {
          priority = route_rules.key + 1
          service  = google_compute_backend_service.function["${route_rules.value.function}-${path_matcher.key}"].id
          match_rules {
            path_template_match = route_rules.value.path
          }
        }
      }
    }
  }
}

resource "google_compute_managed_ssl_certificate" "api" {
  name = "modelseal-${substr(sha256(join(",", values(local.hosts))), 0, 8)}"
  managed {
    domains = values(local.hosts)
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "modern" {
  name            = "modelseal"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "api" {
  count            = local.serving
  name             = "modelseal"
  url_map          = google_compute_url_map.api[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.api.id]
  ssl_policy       = google_compute_ssl_policy.modern.id
}

resource "google_compute_global_address" "api" {
  name = "modelseal"
}

resource "google_compute_global_forwarding_rule" "https" {
  count                 = local.serving
  name                  = "modelseal-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  target                = google_compute_target_https_proxy.api[0].id
  ip_address            = google_compute_global_address.api.id
  port_range            = "443"
}
