/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
import type { Mutation } from './mutation.ts';

/** The edge, changed for the worse. */
export const EDGE: readonly Mutation[] = [
  ['rate limit × 1000', 'variables-operation.tf', 'default     = 300\n', 'default     = 300000\n'],
  [
    'a carrier’s gateway × 1000',
    'variables-operation.tf',
    'default     = 6000\n',
    'default     = 6000000\n',
  ],
  ['a ban of carriers', 'armor.tf', 'action     = "throttle"', 'action     = "rate_based_ban"'],
  [
    'no ban of floods',
    'armor.tf',
    'action = "rate_based_ban", count',
    'action = "throttle", count',
  ],
  ['rules that only look', 'armor.tf', 'preview     = rule.value.preview', 'preview     = true'],
  [
    'rules that only look in production',
    'examples/prod.tfvars',
    'waf_preview           = false',
    'waf_preview           = true',
  ],
  ['a brake that is on', 'armor.tf', 'preview    = true', 'preview    = false'],
  [
    'a backend without Cloud Armor',
    'edge.tf',
    'security_policy       = local.edge_policy',
    'security_policy       = null',
  ],
  [
    'a door without TLS',
    'edge.tf',
    'port_range            = "443"',
    'port_range            = "80"',
  ],
  ['TLS 1.0', 'edge.tf', 'min_tls_version = "TLS_1_2"', 'min_tls_version = "TLS_1_0"'],
  ['health pages nowhere', 'edge.tf', '[{ path = "/health/${name}", function = name }],', '[],'],
  [
    'certificates of any profile',
    'edge.tf',
    'profile         = "RESTRICTED"',
    'profile         = "COMPATIBLE"',
  ],
  [
    'a proxy without its policy',
    'edge.tf',
    '  ssl_policy       = google_compute_ssl_policy.modern.id\n',
    '',
  ],
  ['a body of ten megabytes', 'armor.tf', '> 262144', '> 10485760'],
  ['every method', 'armor.tf', '^(GET|POST|DELETE)$', '^[A-Z]+$'],
  ['a default before the rules', 'armor.tf', 'priority    = 2147483647', 'priority    = 10'],
  ['networks before the rules', 'armor.tf', 'priority   = 900', 'priority   = 60'],
  [
    'floods that are let through',
    'armor.tf',
    'exceed_action    = "deny(429)"',
    'exceed_action    = "allow"',
  ],
  ['everybody as one address', 'armor.tf', 'enforce_on_key   = "IP"', 'enforce_on_key   = "ALL"'],
  ['a ban of a second', 'armor.tf', '? 600 : null', '? 1 : null'],
  [
    'a brake that refuses as forbidden',
    'armor.tf',
    '"deny(429)" : "deny(403)"',
    '"deny(403)" : "deny(403)"',
  ],
  ['rules that are never sure', 'armor.tf', "'sensitivity': 1", "'sensitivity': 0"],
  [
    'candidates for everybody',
    'edge.tf',
    'tag     = each.value.stage == "candidate" ? "candidate" : null',
    'tag     = "candidate"',
  ],
  [
    'live requests to candidates',
    'edge.tf',
    'hosts = { live = var.domain, candidate = "candidate.${var.domain}" }',
    'hosts = { live = "candidate.${var.domain}", candidate = var.domain }',
  ],
  ['unknown paths to grants', 'edge.tf', 'function["keys-live"]', 'function["grant-live"]'],
  ['requests that nobody logs', 'edge.tf', 'enable      = true', 'enable      = false'],
  ['one request in a hundred logged', 'edge.tf', 'sample_rate = 1', 'sample_rate = 0.01'],
  ['no adaptive protection', 'armor.tf', '      enable = true', '      enable = false'],
];
