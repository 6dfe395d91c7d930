# `tofu init -backend-config=bucket=STATE_BUCKET`; infra/bootstrap makes the bucket.
terraform {
  backend "gcs" {
    prefix = "modelseal"
  }
}
