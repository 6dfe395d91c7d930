# Where the deployment lies, and what it runs.

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
