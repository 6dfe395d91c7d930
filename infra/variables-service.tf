# What the functions are told: whom they believe, what they allow, how long it holds. environment.tf hands it on.

variable "oidc_issuers" {
  description = "Identity providers whose user tokens are taken."
  type = list(object({
    issuer     = string
    audience   = string
    jwksUri    = string
    algorithms = optional(list(string), ["RS256", "ES256"])
  }))
  validation {
    condition = length(var.oidc_issuers) > 0 && alltrue([
      for issuer in var.oidc_issuers :
      startswith(issuer.issuer, "https://") && startswith(issuer.jwksUri, "https://")
    ])
    error_message = "At least one issuer, and https only."
  }
}

variable "attestation_policy_json" {
  description = "Which apps may enrol devices and what is asked of them: JSON as docs/mobile/attestation.md says, checked by the functions when they start."
  type        = string
  validation {
    condition     = can(jsondecode(var.attestation_policy_json))
    error_message = "Must be JSON."
  }
}

variable "attestation" {
  description = "How long attestations and a stale revocation list are good for, in seconds; devices of one user, and how long a further one is provisional; Apple's receipt service."
  type = object({
    max_age_seconds              = optional(number, 7776000)
    revocation_max_stale_seconds = optional(number, 86400)
    max_devices_per_user         = optional(number, 6)
    device_cooling_off_seconds   = optional(number, 86400)
    revocation_list_url          = optional(string, "https://android.googleapis.com/attestation/status")
    apple_receipt_url            = optional(string, "https://data.appattest.apple.com")
  })
  default = {}
}

variable "personal_model_prefix" {
  description = "Models whose ids begin with it are personal: one without an owner is refused. Empty for no such rule."
  type        = string
  default     = ""
}

# A new project has version 1 of each, which signs; docs/ops/operations.md says how the next one comes.
variable "signing_keys" {
  description = "Versions of the three signing keys: which one signs, which are announced (to be pinned by apps before they sign) and which are retired (sign no more, still vouch)."
  type = object({
    manifest = object({ signing = number, announced = list(number), retired = list(number) })
    licence  = object({ signing = number, announced = list(number), retired = list(number) })
    device   = object({ signing = number, announced = list(number), retired = list(number) })
  })
  default = {
    manifest = { signing = 1, announced = [], retired = [] }
    licence  = { signing = 1, announced = [], retired = [] }
    device   = { signing = 1, announced = [], retired = [] }
  }
  validation {
    condition = alltrue([for key in values(var.signing_keys) :
      length(concat(key.announced, key.retired, [key.signing])) == length(toset(concat(key.announced, key.retired, [key.signing])))
    ])
    error_message = "A version is in one state only."
  }
}

variable "licence" {
  description = "Lifetimes in seconds: of a licence, of its use offline after that, of a download URL, of the object behind it, and of a release record."
  type = object({
    licence_seconds       = optional(number, 86400)
    offline_grace_seconds = optional(number, 7200)
    url_ttl_seconds       = optional(number, 120)
    sealed_ttl_seconds    = optional(number, 300)
    release_seconds       = optional(number, 1209600)
  })
  default = {}
  validation {
    condition     = var.licence.url_ttl_seconds <= var.licence.sealed_ttl_seconds
    error_message = "A URL must not outlive its object."
  }
}

variable "tracing" {
  description = "How strongly copies are marked, so that a leaked one names its grant, where the publisher of a model does not say: off, light, standard or resistant."
  type        = string
  default     = "off"
  validation {
    condition     = contains(["off", "light", "standard", "resistant"], var.tracing)
    error_message = "off, light, standard or resistant."
  }
}

variable "limits" {
  description = "Grants a minute for each user, device, network and model, reports for each device, the largest model in bytes, and from a decision to block until it takes effect."
  type = object({
    grants_per_user_minute    = optional(number, 10)
    grants_per_device_minute  = optional(number, 20)
    reports_per_device_minute = optional(number, 20)
    grants_per_network_minute = optional(number, 600)
    grants_per_model_minute   = optional(number, 60000)
    max_model_bytes           = optional(number, 4294967296)
    block_delay_seconds       = optional(number, 43200)
  })
  default = {}
  validation {
    condition     = var.limits.grants_per_network_minute >= 64 && var.limits.grants_per_model_minute >= 256
    error_message = "At least 64 grants a minute for a network and 256 for a model: these limits are split over documents."
  }
}

variable "plans" {
  description = "What each plan gives a user in a day, by its name: grants and different models, and in thirty days of models that are new to him (36 where absent). `default` is for who has none."
  type        = map(object({ grantsPerDay = number, modelsPerDay = number, newModelsPerMonth = optional(number) }))
  default     = { default = { grantsPerDay = 1000, modelsPerDay = 40 } }
  validation {
    condition     = contains(keys(var.plans), "default")
    error_message = "A default plan."
  }
}

variable "min_sealed_share" {
  description = "Of a published model's bytes that are not structure, the least share that must lie in encrypted layers."
  type        = number
  default     = 0.95
  validation {
    condition     = var.min_sealed_share >= 0 && var.min_sealed_share <= 1
    error_message = "A share between 0 and 1."
  }
}

variable "telemetry" {
  description = "An OpenTelemetry collector that the functions reach (OTLP over HTTP), and the share of traces it gets. Empty for none: metrics are counted from logs either way."
  type        = object({ endpoint = optional(string, ""), trace_share = optional(number, 0.1) })
  default     = {}
  validation {
    condition     = var.telemetry.trace_share >= 0 && var.telemetry.trace_share <= 1
    error_message = "A share between 0 and 1."
  }
}

variable "plan_claim" {
  description = "The claim of a user token that names the plan."
  type        = string
  default     = "plan"
}

variable "console" {
  description = "The operators' console: docs/ops/console.md. Null for none: then nobody signs in."
  type = object({
    origin = string
    issuer = object({
      issuer     = string
      audience   = string
      jwksUri    = string
      algorithms = optional(list(string), ["RS256"])
    })
    authorizationEndpoint = string
    hostedDomain          = string
    operators             = map(list(string))
    sessionSeconds        = optional(number, 3600)
    stepUpSeconds         = optional(number, 300)
  })
  default = null
  validation {
    condition = var.console == null ? true : alltrue([
      for url in [var.console.origin, var.console.issuer.issuer, var.console.issuer.jwksUri, var.console.authorizationEndpoint] :
      startswith(url, "https://")
    ])
    error_message = "https only."
  }
  validation {
    condition = var.console == null ? true : alltrue(flatten([
      for email, roles in var.console.operators :
      [for role in roles : endswith(email, "@${var.console.hostedDomain}") && contains(["viewer", "analyst", "operator", "publisher"], role)]
    ]))
    error_message = "Operators of the hosted domain, each a viewer, analyst, operator or publisher."
  }
}

variable "secret_versions" {
  description = "Which version of each secret the functions read. Never `latest`: two revisions of one release must read the same. INTEGRITY_KEYS is read only where it is named here."
  type        = map(string)
  default     = { CHALLENGE_SECRET = "1", PSEUDONYM_SECRET = "1", APPLE_RECEIPT_KEY = "1", URL_SIGNING_KEY = "1" }
  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "Version numbers."
  }
}
