# The provider's version. Its checksums are entered by the first `tofu init` that reaches a registry.
provider "registry.opentofu.org/hashicorp/google" {
  version     = "8.0.0"
  constraints = "~> 8.0"
}
