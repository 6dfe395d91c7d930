# Capacity, protection, money, and the people who look after it.

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
