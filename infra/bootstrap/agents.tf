# Google's own accounts exist only after certain calls. Two are made by being asked for; the others by
# Service Usage, which google-beta alone can call (`google_project_service_identity`), or `gcloud`.

data "google_storage_project_service_account" "this" {
  depends_on = [terraform_data.apis_ready]
}

data "google_bigquery_default_service_account" "this" {
  depends_on = [terraform_data.apis_ready]
}

locals {
  # Who needs one before infra/ grants it a key, and why.
  identities = {
    artifactregistry     = "images under our key"
    bigquerydatatransfer = "the scheduled scan of the logs"
    eventarc             = "tells the publish function of new models"
    firestore            = "documents under our key"
    pubsub               = "messages under our key, dead letters, tokens of pushes"
    secretmanager        = "secrets under our key"
  }
}

resource "terraform_data" "identity" {
  for_each         = local.identities
  triggers_replace = [data.google_project.this.number]
  provisioner "local-exec" {
    command = "gcloud beta services identity create --service=${each.key}.googleapis.com --project=${var.project_id} --quiet"
  }
  depends_on = [terraform_data.apis_ready]
}

# New projects do not get this by themselves, and Eventarc's trigger is refused without it:
# https://cloud.google.com/eventarc/docs/roles-permissions
resource "google_project_iam_member" "eventarc_agent" {
  project    = var.project_id
  role       = "roles/eventarc.serviceAgent"
  member     = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-eventarc.iam.gserviceaccount.com"
  depends_on = [terraform_data.identity]
}
