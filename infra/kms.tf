# Five keys for five purposes; a function may use at most one operation of each (functions.tf).

locals {
  # Where data is under our key, that key must be in the same place: the data's, and each region's.
  key_locations = toset(concat([local.places.keys, var.region], var.other_regions))

  keys = {
    # Wraps the data key of every published version.
    vault = { purpose = "ENCRYPT_DECRYPT", algorithm = "GOOGLE_SYMMETRIC_ENCRYPTION" }
    # Signs manifests and release records. Asymmetric keys do not rotate by themselves: docs/ops/operations.md.
    manifest = { purpose = "ASYMMETRIC_SIGN", algorithm = "EC_SIGN_P256_SHA256" }
    # Certifies the licence keys in the instances' memory, for an hour at a time.
    licence = { purpose = "ASYMMETRIC_SIGN", algorithm = "EC_SIGN_P256_SHA256" }
    # Binds the records of enrolled devices: who else can write the database makes none.
    device = { purpose = "ASYMMETRIC_SIGN", algorithm = "EC_SIGN_P256_SHA256" }
  }
  rotation_period = "7776000s"
  destroy_after   = "2592000s"
}

# A ring cannot be deleted: an environment that was torn down comes up again under another name.
resource "google_kms_key_ring" "modelseal" {
  for_each = local.key_locations
  name     = var.key_ring
  location = each.key
}

resource "google_kms_crypto_key" "key" {
  for_each                   = local.keys
  name                       = each.key
  key_ring                   = local.key_rings[local.places.keys]
  purpose                    = each.value.purpose
  rotation_period            = each.value.purpose == "ENCRYPT_DECRYPT" ? local.rotation_period : null
  destroy_scheduled_duration = local.destroy_after
  version_template {
    algorithm        = each.value.algorithm
    protection_level = "HSM"
  }
  lifecycle {
    prevent_destroy = var.protect_data
  }
}

# Encrypts what Google stores for us: buckets, messages, documents, tables, images, secrets.
resource "google_kms_crypto_key" "data" {
  for_each                   = local.key_locations
  name                       = "data"
  key_ring                   = local.key_rings[each.key]
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = local.rotation_period
  destroy_scheduled_duration = local.destroy_after
  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "HSM"
  }
  lifecycle {
    prevent_destroy = var.protect_data
  }
}

resource "google_kms_crypto_key_iam_member" "data" {
  for_each = {
    for pair in setproduct(local.key_locations, keys(local.service_agents)) :
    "${pair[0]}/${pair[1]}" => { location = pair[0], agent = pair[1] }
  }
  crypto_key_id = local.data_keys[each.value.location]
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${local.service_agents[each.value.agent]}"
}

# A grant takes a minute or more to be known everywhere; what is made under the key before that is refused.
# https://cloud.google.com/iam/docs/access-change-propagation
resource "terraform_data" "cmek_ready" {
  triggers_replace = [for member in google_kms_crypto_key_iam_member.data : member.member]
  provisioner "local-exec" {
    command = "sleep ${var.iam_wait_seconds}"
  }
}
