/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** Places, changed for the worse. */
export const PLACES: readonly Mutation[] = [
  [
    'a perimeter at once',
    'perimeter.tf',
    'for_each = var.enforce_perimeter ? [1] : []',
    'for_each = [1]',
  ],
  [
    'phones that read more than objects',
    'perimeter.tf',
    'operations = [{ service = "storage.googleapis.com", methods = ["google.storage.objects.get"] }]',
    'operations = local.all_methods',
  ],
  [
    'data in one of two regions',
    'buckets.tf',
    'location                    = local.places.data',
    'location                    = var.region',
  ],
  [
    'production unprotected',
    'variables.tf',
    'condition     = var.protect_data || var.environment != "prod"',
    'condition     = true',
  ],
  ['a perimeter that forgets the keys', 'perimeter.tf', '    "cloudkms.googleapis.com",\n', ''],
  [
    'everybody through the perimeter',
    'perimeter.tf',
    'identities = [google_service_account.url_reader.member]',
    'identities = ["user:anybody@example.com"]',
  ],
  [
    'keys in one of two regions',
    'environment.tf',
    'keys     = coalesce(var.locations.keys, var.region)',
    'keys     = var.region',
  ],
  [
    'the database in one of two regions',
    'environment.tf',
    'database = coalesce(var.locations.database, var.region)',
    'database = var.region',
  ],
  [
    'no way past a failing region',
    'edge.tf',
    'for_each = length(var.other_regions) > 0 ? [1] : []',
    'for_each = []',
  ],
];
