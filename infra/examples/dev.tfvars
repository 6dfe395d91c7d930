project_id  = "modelseal-dev-example"
environment = "dev"
region      = "europe-west3"
domain      = "models.dev.example.com"
image       = "europe-west3-docker.pkg.dev/modelseal-dev-example/modelseal/functions@sha256:0000000000000000000000000000000000000000000000000000000000000000"
alert_email = "models-dev@example.com"

oidc_issuers = [{
  issuer   = "https://securetoken.google.com/modelseal-dev-example"
  audience = "modelseal-dev-example"
  jwksUri  = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
}]

attestation_policy_json = <<-JSON
  {
    "apps": [{
      "platform": "ios",
      "teamId": "ABCDE12345",
      "bundleId": "example.effects",
      "rules": [{ "environments": ["production", "development"] }]
    }]
  }
JSON

max_instances = 5

# Torn down again by `tofu destroy`.
protect_data     = false
iam_wait_seconds = 90
