/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** The beginning, changed for the worse. */
export const BEGINNING: readonly Mutation[] = [
  [
    'a plan account as editor',
    'bootstrap/accounts.tf',
    'role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.release[each.key].role_id}"',
    'role     = each.key == "plan" ? "roles/editor" : "projects/${var.project_id}/roles/${google_project_iam_custom_role.release[each.key].role_id}"',
  ],
  [
    'a plan that reads documents',
    'bootstrap/steps.tf',
    'google_firestore_database                      = ["datastore.databases.getMetadata"]',
    'google_firestore_database                      = ["datastore.entities.get"]',
  ],
  [
    'a pull request that reads the state',
    'bootstrap/steps.tf',
    'check = {\n      log = ["logging.logEntries.create"]',
    'check = {\n      log = ["logging.logEntries.create", "storage.objects.get"]',
  ],
  [
    'a plan that pays nothing',
    'bootstrap/steps.tf',
    'quota = ["serviceusage.services.use"]',
    'quota = []',
  ],
  ['a state without versions', 'bootstrap/state.tf', 'enabled = true', 'enabled = false'],
  [
    'a plan that writes the state',
    'bootstrap/accounts.tf',
    'role   = "roles/storage.objectViewer"',
    'role   = "roles/storage.objectAdmin"',
  ],
  ['no Play Integrity', 'bootstrap/apis.tf', '    "playintegrity",\n', ''],
  [
    'APIs in any order',
    'bootstrap/apis.tf',
    '  depends_on         = [google_project_service.first]\n',
    '',
  ],
  [
    'an agent that nobody makes',
    'bootstrap/agents.tf',
    'secretmanager        = "secrets under our key"\n',
    '',
  ],
  [
    'a public state',
    'bootstrap/state.tf',
    'public_access_prevention    = "enforced"',
    'public_access_prevention    = "inherited"',
  ],
  [
    'a state destroyed with its contents',
    'bootstrap/state.tf',
    'force_destroy               = !var.protect_data',
    'force_destroy               = true',
  ],
  [
    'a state that a plan destroys',
    'bootstrap/state.tf',
    'prevent_destroy = var.protect_data',
    'prevent_destroy = false',
  ],
  [
    'a release that changes policies',
    'bootstrap/steps.tf',
    'release = ["run.operations.get"]',
    'release = ["run.operations.get", "run.services.setIamPolicy"]',
  ],
  [
    'a brake that deletes',
    'bootstrap/steps.tf',
    '"compute.securityPolicies.update"]',
    '"compute.securityPolicies.update", "compute.securityPolicies.delete"]',
  ],
  [
    'builds that replace',
    'bootstrap/accounts.tf',
    'role   = "roles/storage.objectCreator"',
    'role   = "roles/storage.objectUser"',
  ],
  [
    'builds that write the state',
    'bootstrap/accounts.tf',
    'bucket = google_storage_bucket.own["releases"].name',
    'bucket = google_storage_bucket.own["state"].name',
  ],
  [
    'a plan that administers budgets',
    'bootstrap/accounts.tf',
    'role               = "roles/billing.viewer"',
    'role               = "roles/billing.admin"',
  ],
  [
    'APIs that end with the environment',
    'bootstrap/apis.tf',
    'disable_on_destroy = false\n  depends_on',
    'disable_on_destroy = true\n  depends_on',
  ],
  [
    'Eventarc that may do everything',
    'bootstrap/agents.tf',
    '"roles/eventarc.serviceAgent"',
    '"roles/owner"',
  ],
];
