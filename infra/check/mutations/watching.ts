/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** Watching, changed for the worse. */
export const WATCHING: readonly Mutation[] = [
  [
    'the log not locked',
    'logs.tf',
    'locked         = var.environment == "prod"',
    'locked         = false',
  ],
  ['a log of a week', 'logs.tf', 'retention_days = 400', 'retention_days = 7'],
  ['reads that nobody logs', 'logs.tf', 'log_type = "DATA_READ"', 'log_type = "ADMIN_READ"'],
  [
    'alerts for nobody',
    'alerts.tf',
    'notification_channels = local.channels',
    'notification_channels = []',
  ],
  [
    'late scoring among all subscriptions',
    'alerts.tf',
    ' resource.label.subscription_id=\\"events-score\\"',
    '',
  ],
  [
    'a budget without a brake',
    'budget.tf',
    '    pubsub_topic                     = local.budget_topic\n',
    '',
  ],
  [
    'no order of metric and alert',
    'alerts.tf',
    'depends_on            = [terraform_data.metrics_ready]',
    'depends_on            = []',
  ],
  [
    'a look at the logs that tells nobody',
    'privacy.tf',
    'enable_failure_email = true',
    'enable_failure_email = false',
  ],
  ['no look from outside each minute', 'probe.tf', 'period       = "60s"', 'period       = "900s"'],
  ['a certificate that nobody checks', 'probe.tf', 'validate_ssl = true', 'validate_ssl = false'],
  ['a probe of two failures in three', 'probe.tf', 'threshold_value = 1', 'threshold_value = 5'],
  [
    'a probe that tells nobody',
    'probe.tf',
    'notification_channels = local.channels',
    'notification_channels = []',
  ],
  [
    'watches that tell nobody',
    'probe.tf',
    'google_cloudbuild_trigger.watch[each.key].trigger_id',
    'google_cloudbuild_trigger.watch["smoke"].trigger_id',
  ],
  [
    'an objective of nine in ten',
    'alerts.tf',
    'goal                = 0.999',
    'goal                = 0.9',
  ],
  ['a burn that is noticed late', 'alerts.tf', 'rate = 14.4', 'rate = 144'],
  [
    'a sweep that may rest a day',
    'alerts.tf',
    'metric = "modelseal_swept", duration = "600s"',
    'metric = "modelseal_swept", duration = "86400s"',
  ],
  [
    'dead letters by the thousand',
    'alerts.tf',
    'group  = [], threshold = 0, aligner = "ALIGN_MAX", duration = "0s"',
    'group  = [], threshold = 1000, aligner = "ALIGN_MAX", duration = "0s"',
  ],
  [
    'an outage of Cloud KMS unseen',
    'alerts.tf',
    'resource.label.service=\\"cloudkms.googleapis.com\\" metric.label.response_code_class!=',
    'resource.label.service=\\"cloudkms.googleapis.com\\" metric.label.response_code_class=',
  ],
  [
    'mail to nobody',
    'alerts.tf',
    'labels       = { email_address = var.alert_email }',
    'labels       = { email_address = "nobody@example.com" }',
  ],
  [
    'audit logs left out',
    'logs.tf',
    'severity>=WARNING OR logName:\\"cloudaudit.googleapis.com\\"',
    'severity>=WARNING',
  ],
  ['an exclusion of every request', 'logs.tf', 'httpRequest.status=200', 'httpRequest.status>=200'],
  [
    'secrets read unseen',
    'logs.tf',
    '"storage.googleapis.com", "secretmanager.googleapis.com"]',
    '"storage.googleapis.com"]',
  ],
  [
    'function logs kept for years',
    'privacy.tf',
    'retention_days   = 30',
    'retention_days   = 3650',
  ],
  ['a scan once a month', 'privacy.tf', 'every day 04:30', '1 of month 04:30'],
  [
    'a scan that edits',
    'privacy.tf',
    'toset(["roles/bigquery.jobUser", "roles/logging.viewAccessor"])',
    'toset(["roles/bigquery.admin", "roles/logging.viewAccessor"])',
  ],
  [
    'a budget of another project',
    'budget.tf',
    'projects = ["projects/${local.number}"]',
    'projects = []',
  ],
  [
    'a budget that tells at the end',
    'budget.tf',
    '{ 0.5 = "CURRENT_SPEND", 0.9 = "CURRENT_SPEND", 1.0 = "CURRENT_SPEND", 1.2 = "FORECASTED_SPEND" }',
    '{ 5.0 = "CURRENT_SPEND" }',
  ],
  ['a brake at ten times', 'variables-operation.tf', 'default     = 150', 'default     = 1500'],
];
