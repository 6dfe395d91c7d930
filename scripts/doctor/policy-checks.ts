/** Organisation policies that this deployment meets: docs/ops/operations.md says what each refuses. */
import type { Check, Project } from './check.ts';

/** Constraints that, where they are enforced or list values, refuse something of ours: what to do. */
export const CLASHES: Readonly<Record<string, string>> = {
  'run.managed.requireInvokerIam': "an exception: the API looks at its users' tokens itself",
  'run.allowedIngress': 'allow internal-and-cloud-load-balancing',
  'gcp.restrictNonCmekServices': 'an exception for the budget topic and the buckets of builds',
  'gcp.resourceLocations': 'the region and the multi-regions must be listed',
  'iam.disableServiceAccountCreation': 'an exception for the operator',
  'compute.disableGlobalLoadBalancing': 'an exception',
  'storage.softDeletePolicySeconds': 'allow 0',
  'storage.restrictAuthTypes':
    'allow SERVICE_ACCOUNT_HMAC_SIGNED_REQUESTS: phones come with such URLs',
};

/** As https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/organizations.policies has it. */
interface Policy {
  readonly spec?: {
    readonly rules?: readonly { readonly enforce?: boolean; readonly values?: object }[];
  };
}

export const policyChecks = ({ gcloud, id }: Project): readonly Check[] =>
  Object.entries(CLASHES).map(([name, remedy]) => ({
    check: `no organisation policy ${name} is in the way`,
    remedy: `gcloud org-policies describe ${name} --effective --project=${id}   # ${remedy}`,
    work: async () => {
      const policy = (await gcloud('org-policies', 'describe', name, '--effective')) as Policy;
      const rules = policy.spec?.rules ?? [];
      if (rules.some(({ enforce, values }) => enforce || values))
        throw new Error(`it is on: ${JSON.stringify(rules)}`);
    },
  }));
