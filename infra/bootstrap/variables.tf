variable "project_id" {
  description = "The Google Cloud project; modelseal expects one of its own."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where state and releases lie; the same as in infra/."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region, such as europe-west3."
  }
}

variable "billing_account" {
  description = "Billing account whose budgets the plan reads; empty for no budget."
  type        = string
  default     = ""
}

variable "access_policy" {
  description = "Access Context Manager policy number, where infra/ makes a perimeter; empty for none."
  type        = string
  default     = ""
}

variable "protect_data" {
  description = "Whether the state may not be destroyed. False for an environment that is torn down again."
  type        = bool
  default     = true
}

variable "wait_seconds" {
  description = "How long a new API or grant is given to be known everywhere."
  type        = number
  default     = 60
}
