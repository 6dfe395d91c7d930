project_id      = "modelseal-prod-example"
environment     = "prod"
region          = "europe-west3"
domain          = "models.example.com"
image           = "europe-west3-docker.pkg.dev/modelseal-prod-example/modelseal/functions@sha256:0000000000000000000000000000000000000000000000000000000000000000"
alert_email     = "models-oncall@example.com"
billing_account = "000000-000000-000000"
monthly_budget  = 2000

oidc_issuers = [{
  issuer   = "https://securetoken.google.com/modelseal-prod-example"
  audience = "modelseal-prod-example"
  jwksUri  = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
}]

attestation_policy_json = <<-JSON
  {
    "apps": [{
      "platform": "ios",
      "teamId": "ABCDE12345",
      "bundleId": "example.effects",
      "rules": [{ "environments": ["production"] }]
    }]
  }
JSON

intake_writers        = ["group:model-builders@example.com"]
analysts              = ["group:analysts@example.com"]
waf_preview           = false
require_signed_images = true
repository            = "projects/modelseal-prod-example/locations/europe-west3/connections/github/repositories/modelseal"
runbook_url           = "https://github.com/example/modelseal/blob/main/docs/ops/operations.md"

# The operators' console: docs/ops/console.md.
console = {
  origin = "https://console.example.com"
  issuer = {
    issuer   = "https://accounts.google.com"
    audience = "000000000000-console.apps.googleusercontent.com"
    jwksUri  = "https://www.googleapis.com/oauth2/v3/certs"
  }
  authorizationEndpoint = "https://accounts.google.com/o/oauth2/v2/auth"
  hostedDomain          = "example.com"
  operators = {
    "on-call@example.com" = ["operator", "publisher"]
    "fraud@example.com"   = ["analyst"]
  }
}
