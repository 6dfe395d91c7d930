# Every function, as functions/registry.ts has it: a test compares the two. `access` is all that a
# function's service account may do; iam.tf makes the grants, on the resource and never wider.

locals {
  # What a function has where its row says nothing else.
  defaults = {
    memory      = "512Mi"
    concurrency = 40
    timeout     = "30s"
    warm        = 0
    secrets     = []
    routes      = []
  }

  table = {
    challenge = {
      kind    = "http"
      routes  = ["/v1/challenges"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      warm    = 1
      access  = { topics = ["events"] }
    }
    enroll = {
      kind    = "http"
      routes  = ["/v1/devices", "/v1/devices/*/approvals"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET", "APPLE_RECEIPT_KEY"]
      # Nobody else signs with `device`: what a device's record says is what this function attested.
      access = {
        topics            = ["events"]
        firestore         = "roles/datastore.user"
        keys              = { device = "roles/cloudkms.signer" }
        reads_public_keys = ["device"]
      }
    }
    # Seals whole models as they stream through: few at a time, and minutes for the largest.
    grant = {
      kind        = "http"
      routes      = ["/v1/models/*/grants"]
      secrets     = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      memory      = "1Gi"
      concurrency = 8
      timeout     = "300s"
      warm        = 1
      access = {
        topics            = ["events"]
        firestore         = "roles/datastore.user"
        buckets           = { vault = "roles/storage.objectViewer", sealed = "sealedWriter" }
        keys              = { vault = "roles/cloudkms.cryptoKeyDecrypter", licence = "roles/cloudkms.signer" }
        reads_public_keys = ["device", "manifest"]
      }
    }
    renew = {
      kind    = "http"
      routes  = ["/v1/licences/*/renewals"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access = {
        topics            = ["events"]
        firestore         = "roles/datastore.user"
        buckets           = { vault = "roles/storage.objectViewer" }
        keys              = { licence = "roles/cloudkms.signer" }
        reads_public_keys = ["device", "manifest"]
      }
    }
    report = {
      kind    = "http"
      routes  = ["/v1/events"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access  = { topics = ["events"], firestore = "roles/datastore.user", reads_public_keys = ["device"] }
    }
    account = {
      kind    = "http"
      routes  = ["/v1/devices/*", "/v1/me"]
      secrets = ["CHALLENGE_SECRET", "PSEUDONYM_SECRET"]
      access  = { topics = ["events"], firestore = "roles/datastore.user", reads_public_keys = ["device"] }
    }
    models = {
      kind    = "http"
      routes  = ["/v1/models"]
      secrets = ["PSEUDONYM_SECRET"]
      access  = { firestore = "roles/datastore.viewer" }
    }
    keys = {
      kind   = "http"
      routes = ["/v1/keys"]
      access = { reads_public_keys = ["manifest", "licence"] }
    }
    # What the operators' page asks through Firebase Hosting: no part of the API, in one region, and with no secret.
    admin = {
      kind = "console"
      routes = [
        "/v1/admin/sign-in", "/v1/admin/sessions", "/v1/admin/session", "/v1/admin/overview", "/v1/admin/cases",
        "/v1/admin/verdicts", "/v1/admin/subjects/*", "/v1/admin/subjects/*/acts", "/v1/admin/models",
        "/v1/admin/models/*/orders",
        "/v1/admin/rules", "/v1/admin/rules/trials", "/v1/admin/health",
        "/v1/admin/leaks", "/v1/admin/leaks/*/parts", "/v1/admin/leaks/*/trace", "/v1/admin/leaks/*/evidence",
      ]
      access = {
        topics            = ["decisions", "orders"]
        firestore         = "roles/datastore.user"
        buckets           = { leaks = "leakKeeper" }
        reads_public_keys = ["manifest", "licence", "device"]
      }
    }
    publish = {
      kind        = "intake"
      secrets     = ["PSEUDONYM_SECRET"]
      memory      = "1Gi"
      concurrency = 1
      timeout     = "540s"
      access = {
        firestore = "roles/datastore.user"
        buckets   = { intake = "intakeConsumer", vault = "vaultWriter" }
        keys      = { vault = "roles/cloudkms.cryptoKeyEncrypter", manifest = "roles/cloudkms.signer" }
        # Its next release record begins where the last that it signed ends.
        reads_public_keys = ["manifest"]
      }
    }
    score = {
      kind   = "events"
      access = { topics = ["decisions", "dead-letters"], firestore = "roles/datastore.user" }
    }
    # After an outage it publishes up to 10,000 events a run, each with a call to Pub/Sub and one to Firestore.
    sweep = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/sweep"
      concurrency = 1
      timeout     = "300s"
      access      = { topics = ["events"], buckets = { sealed = "sealedSweeper" }, firestore = "roles/datastore.user" }
    }
    erasures = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/erasures"
      secrets     = ["PSEUDONYM_SECRET"]
      concurrency = 1
      timeout     = "300s"
      access = {
        firestore = "roles/datastore.user"
        buckets   = { intake = "intakeEraser", vault = "objectEraser", sealed = "objectEraser" }
      }
    }
    ledger = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/ledger"
      concurrency = 1
      timeout     = "120s"
      access      = { firestore = "roles/datastore.user" }
    }
    campaigns = {
      kind        = "schedule"
      cron        = "0 * * * *"
      path        = "/internal/campaigns"
      concurrency = 1
      timeout     = "300s"
      access      = { firestore = "roles/datastore.user" }
    }
    receipts = {
      kind        = "schedule"
      cron        = "0 * * * *"
      path        = "/internal/receipts"
      secrets     = ["APPLE_RECEIPT_KEY"]
      concurrency = 1
      timeout     = "300s"
      access      = { topics = ["events"], firestore = "roles/datastore.user" }
    }
    revocations = {
      kind        = "schedule"
      cron        = "*/30 * * * *"
      path        = "/internal/revocations"
      concurrency = 1
      timeout     = "300s"
      access      = { topics = ["events"], firestore = "roles/datastore.user" }
    }
    # Signs with the publisher's key, but nothing that he did not sign before.
    releases = {
      kind        = "schedule"
      cron        = "0 * * * *"
      path        = "/internal/releases"
      concurrency = 1
      timeout     = "300s"
      access = {
        firestore = "roles/datastore.user"
        buckets   = { vault = "vaultWriter" }
        keys      = { manifest = "roles/cloudkms.signer" }
        # Only what it signed is signed anew.
        reads_public_keys = ["manifest"]
      }
    }
    # Alone has the secret that URLs are signed under, and gives out what is derived from it for a day.
    url-keys = {
      kind        = "schedule"
      cron        = "0 * * * *"
      path        = "/internal/url-keys"
      secrets     = ["URL_SIGNING_KEY"]
      concurrency = 1
      timeout     = "60s"
      access      = { firestore = "roles/datastore.user", keys = { vault = "roles/cloudkms.cryptoKeyEncrypter" } }
    }
    # Signs steps that the publisher signed before, and that a rollout is halted.
    rollouts = {
      kind        = "schedule"
      cron        = "*/5 * * * *"
      path        = "/internal/rollouts"
      concurrency = 1
      timeout     = "300s"
      access = {
        topics            = ["events"]
        firestore         = "roles/datastore.user"
        buckets           = { vault = "vaultWriter" }
        keys              = { manifest = "roles/cloudkms.signer" }
        reads_public_keys = ["manifest"]
      }
    }
    # Traces leaked files that were uploaded in the console: reads the vault, and opens it. Minutes of work, and in memory.
    traces = {
      kind        = "schedule"
      cron        = "* * * * *"
      path        = "/internal/traces"
      memory      = "4Gi"
      concurrency = 1
      timeout     = "900s"
      access = {
        firestore = "roles/datastore.user"
        buckets   = { vault = "roles/storage.objectViewer", leaks = "leakTracer" }
        keys      = { vault = "roles/cloudkms.cryptoKeyDecrypter" }
      }
    }
    # Signs what a publisher ordered in the console: a rollout that pauses, goes on or ends, an older version for all.
    orders = {
      kind        = "orders"
      concurrency = 1
      timeout     = "60s"
      access = {
        firestore         = "roles/datastore.user"
        buckets           = { vault = "vaultWriter" }
        keys              = { manifest = "roles/cloudkms.signer" }
        reads_public_keys = ["manifest"]
      }
    }
  }

  # Before the first image there is nothing to run: everything else comes up without it.
  functions = {
    for name, function in local.table :
    name => merge(local.defaults, { instances = min(lookup(local.few, function.kind, var.max_instances), var.max_instances) }, function)
    if var.image != ""
  }

  # Of what is called once at a time: a second one for a call that comes while the last still runs. Places that nobody
  # needs count against the region's quota of processors.
  few = { schedule = 2, orders = 2 }

  public_functions = { for name, function in local.functions : name => function if function.kind == "http" }

  # The API runs in every region; what works in the background runs once.
  deployments = merge(
    { for name, function in local.functions : name => merge(function, { function = name, region = var.region }) },
    {
      for pair in setproduct(keys(local.public_functions), var.other_regions) :
      "${pair[0]}@${pair[1]}" => merge(local.functions[pair[0]], { function = pair[0], region = pair[1] })
    },
  )
}

resource "google_service_account" "function" {
  for_each     = local.functions
  account_id   = "fn-${each.key}"
  display_name = "modelseal function ${each.key}"
}
