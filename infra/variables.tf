variable "project_id" {
  description = "The Google Cloud project; modelseal expects one of its own."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "environment" {
  description = "`prod` keeps instances warm and protects data from deletion; `dev` is cheap and may be destroyed."
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "dev or prod."
  }
}

variable "region" {
  description = "Where functions, keys, buckets and messages are, such as europe-west3."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region, such as europe-west3; a multi-region has no Cloud Run."
  }
}

variable "other_regions" {
  description = "Further regions that serve the API; the load balancer sends a phone to the nearest. Set `locations`, too."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for region in var.other_regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", region)) && region != var.region])
    error_message = "Regions other than `region`."
  }
}

variable "locations" {
  description = "Where data lies, if not in `region`: buckets and BigQuery (such as EU), the database (eur3), their keys (europe)."
  type        = object({ data = optional(string), database = optional(string), keys = optional(string) })
  default     = {}
  validation {
    condition     = length(var.other_regions) == 0 || alltrue([for place in ["data", "database", "keys"] : var.locations[place] != null])
    error_message = "With a second region, data, database and keys must outlive the first: name multi-regions."
  }
}

variable "database" {
  description = "Firestore database; another than (default) after a restore into a new one."
  type        = string
  default     = "(default)"
  validation {
    condition     = var.database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database))
    error_message = "(default), or 4 to 63 lower-case letters, digits and hyphens."
  }
}

variable "key_ring" {
  description = "Name of the key rings. They cannot be deleted: an environment that was torn down comes up again under another."
  type        = string
  default     = "modelseal"
}

variable "protect_data" {
  description = "Whether buckets, keys, database, tables and functions refuse to be destroyed. False only for an environment that is torn down again."
  type        = bool
  default     = true
  validation {
    condition     = var.protect_data || var.environment != "prod"
    error_message = "Production is protected."
  }
}

variable "iam_wait_seconds" {
  description = "How long a new grant is given to be known everywhere."
  type        = number
  default     = 90
}

variable "metric_wait_seconds" {
  description = "How long a new metric is given until an alert may look at it: Google says up to ten minutes."
  type        = number
  default     = 600
}

variable "domain" {
  description = "Host name of the API. `candidate.` in front of it is where a release is tried."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "A host name, such as models.example.com."
  }
}

variable "image" {
  description = "The functions' image, by digest, that a new service starts with; releases change it afterwards. Empty until there is one: everything but the functions comes up without."
  type        = string
  default     = ""
  validation {
    condition     = var.image == "" || can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest: …@sha256:…."
  }
}

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

variable "max_instances" {
  description = "Most instances of one function that many call: the cap on cost and on what the database has to bear."
  type        = number
  default     = 50
  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000
    error_message = "1 to 1000."
  }
}

variable "requests_per_ip_minute" {
  description = "Requests without a token a minute from one address before Cloud Armor bans it for ten minutes."
  type        = number
  default     = 300
  validation {
    condition     = var.requests_per_ip_minute >= 60 && var.requests_per_ip_minute <= 3000
    error_message = "60 to 3000: a household needs so many, and a flood begins there."
  }
}

variable "requests_per_network_minute" {
  description = "Requests with a token a minute from one address before Cloud Armor slows it down: a carrier's gateway stands for thousands of phones."
  type        = number
  default     = 6000
  validation {
    condition     = var.requests_per_network_minute <= 60000 && var.requests_per_network_minute >= 10 * var.requests_per_ip_minute
    error_message = "Between ten times `requests_per_ip_minute` and 60000."
  }
}

variable "waf_preview" {
  description = "Whether the preconfigured WAF rules only log. Watch a week of traffic before setting this to false."
  type        = bool
  default     = true
}

variable "alert_email" {
  description = "Who is told of alerts and of the budget."
  type        = string
  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alert_email))
    error_message = "An e-mail address."
  }
}

variable "runbook_url" {
  description = "Where docs/ops/operations.md is read; alerts link to its sections."
  type        = string
  default     = "https://example.com/modelseal/docs/ops/operations.md"
}

variable "billing_account" {
  description = "Billing account of the budget; empty for no budget."
  type        = string
  default     = ""
}

variable "monthly_budget" {
  description = "Units of the billing account's currency in a month; told at 50, 90 and 100 % and when the forecast goes over."
  type        = number
  default     = 200
}

variable "brake_percent" {
  description = "At this share of the budget, in percent, grants are answered with 429 until a person lets them in again."
  type        = number
  default     = 150
  validation {
    condition     = var.brake_percent >= 100
    error_message = "At least 100."
  }
}

variable "intake_writers" {
  description = "Members who may put models into the intake bucket, such as group:builders@example.com."
  type        = set(string)
  default     = []
}

variable "analysts" {
  description = "Members who may query the views over the events."
  type        = set(string)
  default     = []
}

variable "repository" {
  description = "Second-generation Cloud Build repository that releases are built from; empty for no triggers."
  type        = string
  default     = ""
}

variable "require_signed_images" {
  description = "Binary Authorization: run only images that the build has attested."
  type        = bool
  default     = false
}

variable "access_policy" {
  description = "Access Context Manager policy number for a VPC Service Controls perimeter around the data; empty for none."
  type        = string
  default     = ""
}

variable "enforce_perimeter" {
  description = "Whether the perimeter refuses. Before that, read a week of what the dry run would have refused."
  type        = bool
  default     = false
}

variable "operators" {
  description = "Members who work on the data from outside of the perimeter, such as user:ada@example.com; groups are not taken here."
  type        = set(string)
  default     = []
}

variable "operator_access_levels" {
  description = "Access levels from which operators are let in; any place where there is none."
  type        = list(string)
  default     = []
}
