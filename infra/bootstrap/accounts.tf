resource "google_service_account" "release" {
  for_each     = local.steps
  account_id   = "release-${each.key}"
  display_name = "modelseal release: ${each.key}"
  depends_on   = [terraform_data.apis_ready]
}

resource "google_project_iam_custom_role" "release" {
  for_each    = local.steps
  role_id     = "release_${each.key}"
  title       = "modelseal release ${each.key}"
  permissions = distinct(flatten(values(each.value)))
  depends_on  = [terraform_data.apis_ready]
}

resource "google_project_iam_member" "release" {
  for_each = local.steps
  project  = var.project_id
  role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.release[each.key].role_id}"
  member   = google_service_account.release[each.key].member
}

# Plans read the state and write none: a person applies.
resource "google_storage_bucket_iam_member" "plan_reads_state" {
  bucket = google_storage_bucket.own["state"].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.release["plan"].member
}

# The bill of materials of each build, under a name of its own: it replaces none.
resource "google_storage_bucket_iam_member" "build_writes_releases" {
  bucket = google_storage_bucket.own["releases"].name
  role   = "roles/storage.objectCreator"
  member = google_service_account.release["build"].member
}

# `billing.budgets.get` is the billing account's.
resource "google_billing_account_iam_member" "plan_reads_budget" {
  count              = var.billing_account == "" ? 0 : 1
  billing_account_id = var.billing_account
  role               = "roles/billing.viewer"
  member             = google_service_account.release["plan"].member
}

# `accesscontextmanager.servicePerimeters.get` is the organisation's policy's.
resource "google_access_context_manager_access_policy_iam_member" "plan_reads_perimeter" {
  count  = var.access_policy == "" ? 0 : 1
  name   = var.access_policy
  role   = "roles/accesscontextmanager.policyReader"
  member = google_service_account.release["plan"].member
}

resource "terraform_data" "accounts_ready" {
  triggers_replace = [for member in google_project_iam_member.release : member.id]
  provisioner "local-exec" {
    command = "sleep ${var.wait_seconds}"
  }
}
