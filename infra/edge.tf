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
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each              = local.backends
  name                  = each.key
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = google_cloud_run_v2_service.function[each.value.function].name
    tag     = each.value.stage == "candidate" ? "candidate" : null
  }
}

resource "google_compute_backend_service" "function" {
  for_each              = local.backends
  name                  = each.key
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.edge.id
  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }
  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "api" {
  name = "modelseal"
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
  name             = "modelseal"
  url_map          = google_compute_url_map.api.id
  ssl_certificates = [google_compute_managed_ssl_certificate.api.id]
  ssl_policy       = google_compute_ssl_policy.modern.id
}

resource "google_compute_global_address" "api" {
  name       = "modelseal"
  depends_on = [google_project_service.api]
}

resource "google_compute_global_forwarding_rule" "https" {
  name                  = "modelseal-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  target                = google_compute_target_https_proxy.api.id
  ip_address            = google_compute_global_address.api.id
  port_range            = "443"
}

resource "google_compute_security_policy" "edge" {
  name = "modelseal-edge"
  type = "CLOUD_ARMOR"

  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = true
    }
  }
  advanced_options_config {
    log_level = "NORMAL"
  }

  rule {
    description = "only the methods of the API"
    action      = "deny(403)"
    priority    = 100
    match {
      expr {
        expression = "!request.method.matches('^(GET|POST|DELETE)$')"
      }
    }
  }

  # The functions refuse above 256 KiB themselves; here it costs no instance.
  rule {
    description = "larger than any request of the API"
    action      = "deny(403)"
    priority    = 110
    match {
      expr {
        expression = "has(request.headers['content-length']) && int(request.headers['content-length']) > 262144"
      }
    }
  }

  dynamic "rule" {
    for_each = {
      200 = "scannerdetection-v33-stable"
      210 = "protocolattack-v33-stable"
      220 = "lfi-v33-stable"
      230 = "rce-v33-stable"
    }
    content {
      description = rule.value
      action      = "deny(403)"
      priority    = rule.key
      preview     = var.waf_preview
      match {
        expr {
          expression = "evaluatePreconfiguredWaf('${rule.value}', {'sensitivity': 1})"
        }
      }
    }
  }

  # Limits for each user and device are the functions'; this one keeps floods from reaching them.
  rule {
    description = "too many requests from one address: banned for ten minutes"
    action      = "rate_based_ban"
    priority    = 1000
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      conform_action   = "allow"
      exceed_action    = "deny(429)"
      enforce_on_key   = "IP"
      ban_duration_sec = 600
      rate_limit_threshold {
        count        = var.requests_per_ip_minute
        interval_sec = 60
      }
    }
  }

  rule {
    description = "default"
    action      = "allow"
    priority    = 2147483647
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
