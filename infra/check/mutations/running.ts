/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** What runs, changed for the worse. */
export const RUNNING: readonly Mutation[] = [
  ['concurrency 1000', 'functions.tf', 'concurrency = 8', 'concurrency = 1000'],
  ['concurrency 1000 by default', 'functions.tf', 'concurrency = 40', 'concurrency = 1000'],
  ['a grant with 128 MiB', 'functions.tf', 'memory      = "1Gi"', 'memory      = "128Mi"'],
  ['half a processor', 'services.tf', 'cpu = "1"', 'cpu = "0.5"'],
  [
    'no end of instances',
    'services.tf',
    'max_instance_count = each.value.instances',
    'max_instance_count = 1000',
  ],
  [
    'workers with as many places as the API',
    'functions.tf',
    'few = { schedule = 2, orders = 2 }',
    'few = {}',
  ],
  [
    'orders that come as plain requests',
    'services.tf',
    'contains(["http", "console", "schedule"], each.value.kind) ? "http" : "cloudevent"',
    'each.value.kind == "events" ? "cloudevent" : "http"',
  ],
  ['grants that start cold', 'services.tf', 'var.environment == "prod" ? each.value.warm : 0', '0'],
  [
    'workers open to the internet',
    'services.tf',
    '"INGRESS_TRAFFIC_INTERNAL_ONLY"',
    '"INGRESS_TRAFFIC_ALL"',
  ],
  [
    'an API around the load balancer',
    'services.tf',
    '"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"',
    '"INGRESS_TRAFFIC_ALL"',
  ],
  [
    'workers that anybody calls',
    'services.tf',
    'invoker_iam_disabled = contains(["http", "console"], each.value.kind)',
    'invoker_iam_disabled = true',
  ],
  ['any image', 'services.tf', 'for_each = var.require_signed_images ? [1] : []', 'for_each = []'],
  [
    'functions that a plan deletes',
    'services.tf',
    'deletion_protection = var.protect_data',
    'deletion_protection = false',
  ],
  [
    'one account for all',
    'services.tf',
    'google_service_account.function[each.value.function].email',
    'google_service_account.function["grant"].email',
  ],
  [
    'a function less',
    'services.tf',
    'for_each            = local.deployments',
    'for_each            = { for name, each in local.deployments : name => each if name != "ledger" }',
  ],
  [
    'an invoker that administers',
    'iam.tf',
    'role     = "roles/run.invoker"',
    'role     = "roles/run.admin"',
  ],
  [
    'workers called by whoever pushes',
    'iam.tf',
    'callers = { events = "push", orders = "push", intake = "intake", schedule = "scheduler" }',
    'callers = { events = "push", orders = "push", intake = "push", schedule = "push" }',
  ],
  [
    'first-generation sandboxes',
    'services.tf',
    'EXECUTION_ENVIRONMENT_GEN2',
    'EXECUTION_ENVIRONMENT_GEN1',
  ],
  [
    'processors that always run',
    'services.tf',
    'cpu_idle          = true',
    'cpu_idle          = false',
  ],
  [
    'a function that never starts',
    'services.tf',
    'failure_threshold = 30',
    'failure_threshold = 1',
  ],
  [
    'workers everywhere',
    'functions.tf',
    'for pair in setproduct(keys(local.public_functions), var.other_regions)',
    'for pair in setproduct(keys(local.functions), var.other_regions)',
  ],
  [
    'a release undone by the next plan',
    'services.tf',
    'ignore_changes = [template[0].containers[0].image, traffic, client, client_version]',
    'ignore_changes = [template[0].containers[0].image, client, client_version]',
  ],
  [
    'an image undone by the next plan',
    'services.tf',
    'ignore_changes = [template[0].containers[0].image, traffic, client, client_version]',
    'ignore_changes = [traffic, client, client_version]',
  ],
  [
    'functions before their secrets',
    'services.tf',
    '  depends_on = [terraform_data.access_ready]\n',
    '',
  ],
  [
    'a grant of half a minute',
    'functions.tf',
    '      timeout     = "300s"\n      warm        = 1',
    '      timeout     = "30s"\n      warm        = 1',
  ],
];
