# What is refused before it costs an instance. Limits for each user and device are the functions'.

locals {
  armor = {
    methods = {
      priority   = 100
      expression = "!request.method.matches('^(GET|POST|DELETE)$')"
      preview    = false
    }
    # The functions refuse above 256 KiB themselves; here it costs no instance.
    body = {
      priority   = 110
      expression = "has(request.headers['content-length']) && int(request.headers['content-length']) > 262144"
      preview    = false
    }
    # Off until the budget's brake turns it on (cloudbuild-brake.yaml), or a person.
    brake = {
      priority   = 50
      expression = "request.path.endsWith('/grants')"
      preview    = true
    }
    scannerdetection = { priority = 200, expression = local.waf["scannerdetection"], preview = var.waf_preview }
    protocolattack   = { priority = 210, expression = local.waf["protocolattack"], preview = var.waf_preview }
    lfi              = { priority = 220, expression = local.waf["lfi"], preview = var.waf_preview }
    rce              = { priority = 230, expression = local.waf["rce"], preview = var.waf_preview }
  }
  waf = { for rule in ["scannerdetection", "protocolattack", "lfi", "rce"] :
    rule => "evaluatePreconfiguredWaf('${rule}-v33-stable', {'sensitivity': 1})"
  }

  # Phones share the addresses of their carrier: whoever brings a token is slowed down at what a whole
  # carrier's gateway may need, and never banned. Who brings none asks for keys at most. A limit for
  # each token is not possible here: Cloud Armor looks at the first 128 bytes of a header
  # (https://cloud.google.com/armor/docs/rate-limiting-overview), which all tokens of one issuer share,
  # and any other header is the caller's choice. The functions limit by user, device and network.
  rates = {
    network = {
      priority   = 900
      expression = "has(request.headers['authorization']) && request.headers['authorization'].matches('^(DPoP|Bearer) [A-Za-z0-9_.-]{40,}$')"
      action     = "throttle"
      count      = var.requests_per_network_minute
    }
    anonymous = { priority = 1000, expression = null, action = "rate_based_ban", count = var.requests_per_ip_minute }
  }
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

  dynamic "rule" {
    for_each = local.armor
    content {
      description = rule.key
      action      = rule.key == "brake" ? "deny(429)" : "deny(403)"
      priority    = rule.value.priority
      preview     = rule.value.preview
      match {
        expr {
          expression = rule.value.expression
        }
      }
    }
  }

  dynamic "rule" {
    for_each = local.rates
    content {
      description = "too many requests from one address: ${rule.key}"
      action      = rule.value.action
      priority    = rule.value.priority
      match {
        versioned_expr = rule.value.expression == null ? "SRC_IPS_V1" : null
        dynamic "config" {
          for_each = rule.value.expression == null ? [1] : []
          content {
            src_ip_ranges = ["*"]
          }
        }
        dynamic "expr" {
          for_each = rule.value.expression == null ? [] : [rule.value.expression]
          content {
            expression = expr.value
          }
        }
      }
      rate_limit_options {
        conform_action   = "allow"
        exceed_action    = "deny(429)"
        enforce_on_key   = "IP"
        ban_duration_sec = rule.value.action == "rate_based_ban" ? 600 : null
        rate_limit_threshold {
          count        = rule.value.count
          interval_sec = 60
        }
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

  lifecycle {
    precondition {
      condition     = var.requests_per_network_minute >= 10 * var.requests_per_ip_minute
      error_message = "A carrier's gateway stands for thousands of phones: at least ten times the limit of one address."
    }
  }
}
