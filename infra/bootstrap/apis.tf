locals {
  # Without these two the others cannot be turned on: https://github.com/hashicorp/terraform-provider-google/issues/11435
  first_apis = ["cloudresourcemanager", "serviceusage"]
  apis = [
    "artifactregistry",
    "bigquery",
    "bigquerydatatransfer",
    "billingbudgets",
    "binaryauthorization",
    "cloudbilling",
    "cloudbuild",
    "cloudkms",
    "cloudquotas",
    "cloudscheduler",
    "compute",
    "containeranalysis",
    "eventarc",
    "firebaserules",
    "firestore",
    "iam",
    "iamcredentials",
    "logging",
    "monitoring",
    # The functions ask Google to decode integrity tokens: https://developer.android.com/google/play/integrity/setup
    "playintegrity",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
  ]
}

resource "google_project_service" "first" {
  for_each           = toset(local.first_apis)
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

resource "google_project_service" "api" {
  for_each           = toset(concat(local.apis, var.access_policy == "" ? [] : ["accesscontextmanager"]))
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
  depends_on         = [google_project_service.first]
}

resource "terraform_data" "apis_ready" {
  triggers_replace = sort([for api in google_project_service.api : api.service])
  provisioner "local-exec" {
    command = "sleep ${var.wait_seconds}"
  }
}
