/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** Releases, changed for the worse. */
export const RELEASES: readonly Mutation[] = [
  ['no approval', 'builds.tf', 'approval_required = true', 'approval_required = false'],
  [
    'a pull request as the deployer',
    'builds.tf',
    'service_account = local.account.check',
    'service_account = local.account.deploy',
  ],
  [
    'strangers’ pull requests',
    'builds.tf',
    'COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY',
    'COMMENTS_DISABLED',
  ],
  ['tags that move', 'release.tf', 'immutable_tags = true', 'immutable_tags = false'],
  [
    'a deployment that writes images',
    'release.tf',
    'deploy = "roles/artifactregistry.reader"',
    'deploy = "roles/artifactregistry.writer"',
  ],
  [
    'a releaser that deletes',
    'release.tf',
    '"run.services.update"]',
    '"run.services.update", "run.services.delete"]',
  ],
  [
    'pull requests that ask for releases',
    'release.tf',
    'member = "serviceAccount:${local.releasers.build}"',
    'member = "serviceAccount:${local.releasers.check}"',
  ],
  [
    'images that are only noticed',
    'release.tf',
    'ENFORCED_BLOCK_AND_AUDIT_LOG',
    'DRYRUN_AUDIT_LOG_ONLY',
  ],
  [
    'releases of any branch',
    'builds.tf',
    'branch = "^main$"\n    }\n  }\n  substitutions',
    'branch = ".*"\n    }\n  }\n  substitutions',
  ],
  ['a brake as the deployer', 'budget.tf', 'release-brake@', 'release-deploy@'],
  [
    'a drift check as the deployer',
    'builds.tf',
    'account = "plan", file = "cloudbuild-drift.yaml"',
    'account = "deploy", file = "cloudbuild-drift.yaml"',
  ],
  ['images kept for a week', 'release.tf', 'older_than = "7776000s"', 'older_than = "604800s"'],
  ['one image to go back to', 'release.tf', 'keep_count = 20', 'keep_count = 1'],
  [
    'images that anybody attested',
    'release.tf',
    'attestors/built-by-cloud-build',
    'attestors/anybody',
  ],
  [
    'always allowed',
    'release.tf',
    'evaluation_mode         = "REQUIRE_ATTESTATION"',
    'evaluation_mode         = "ALWAYS_ALLOW"',
  ],
  [
    'a deployer that is every account',
    'release.tf',
    'role               = "roles/iam.serviceAccountUser"',
    'role               = "roles/iam.serviceAccountTokenCreator"',
  ],
  [
    'the smoke identity for builds',
    'release.tf',
    'for_each  = toset(["deploy", "smoke"])',
    'for_each  = toset(["deploy", "smoke", "build"])',
  ],
  [
    'a release of one region',
    'builds.tf',
    'join(" ", concat([var.region], var.other_regions))',
    'var.region',
  ],
];
