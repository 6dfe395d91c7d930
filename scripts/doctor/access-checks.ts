/** Who may call what: the grants without which nothing works, and doors that nobody should find open. */
import { FUNCTIONS, type FunctionEntry } from '../../functions/registry.ts';
import type { Check, Project } from './check.ts';

interface Binding {
  readonly role: string;
  readonly members?: readonly string[];
}

/** As Cloud Run describes a service (https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services). */
export interface RunService {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec?: {
        readonly containerConcurrency?: number;
        readonly containers?: readonly {
          readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
        }[];
      };
    };
  };
}

/** The deployed services by name. */
export async function runServices({
  gcloud,
  region,
}: Project): Promise<ReadonlyMap<string, RunService>> {
  const services = (await gcloud('run', 'services', 'list', `--region=${region}`)) as
    | readonly RunService[]
    | undefined;
  return new Map(services?.map((service) => [service.metadata.name, service]));
}

const EVERYBODY = ['allUsers', 'allAuthenticatedUsers'];
const INGRESS = 'run.googleapis.com/ingress';
/** The load balancer brings no identity: the API looks at its users' tokens itself. */
const INVOKER_UNCHECKED = 'run.googleapis.com/invoker-iam-disabled';

export function accessChecks(
  project: Project,
  deadLettersTopic: string,
  functions: readonly FunctionEntry[] = FUNCTIONS,
): readonly Check[] {
  const { id, gcloud, region } = project;
  const bindings = async (...resource: readonly string[]) =>
    ((await gcloud(...resource)) as { bindings?: readonly Binding[] }).bindings ?? [];
  const invokers = async (name: string) =>
    (await bindings('run', 'services', 'get-iam-policy', name, `--region=${region}`))
      .filter(({ role }) => role === 'roles/run.invoker')
      .flatMap(({ members = [] }) => members);

  // The page of operators and phones come without an account of Google Cloud's.
  const isOpen = (kind: string) => kind === 'http' || kind === 'console';
  const workers = functions.filter(({ trigger: { kind } }) => !isOpen(kind));
  return [
    ...workers.map(({ name }) => ({
      check: `somebody may call ${name}`,
      remedy: `gcloud run services add-iam-policy-binding ${name} --region=${region} --role=roles/run.invoker --member=serviceAccount:INVOKER`,
      work: async () => {
        if ((await invokers(name)).length === 0) throw new Error('no account has run.invoker');
      },
    })),
    ...functions.flatMap(({ name, trigger: { kind } }) => {
      // What Firebase Hosting hands on comes from anywhere.
      if (kind === 'console') return [];
      const ingress = kind === 'http' ? 'internal-and-cloud-load-balancing' : 'internal';
      return {
        check: `${name} is reached only ${kind === 'http' ? 'through the load balancer' : 'by its caller'}`,
        remedy: `gcloud run services update ${name} --region=${region} --ingress=${ingress}${kind === 'http' ? '' : ' --invoker-iam-check'}   # and take run.invoker from allUsers, allAuthenticatedUsers`,
        work: async () => {
          const annotations = (await runServices(project)).get(name)?.metadata.annotations;
          if (!annotations) throw new Error('it is not deployed');
          // `all` where nothing is said.
          const found = annotations[INGRESS] ?? 'all';
          if (found !== ingress && found !== 'internal') throw new Error(`its ingress is ${found}`);
          if (kind !== 'http' && annotations[INVOKER_UNCHECKED] === 'true')
            throw new Error('its callers are not checked');
          const open = (await invokers(name)).filter((member) => EVERYBODY.includes(member));
          if (open.length > 0) throw new Error(`${open.join(', ')} may call it`);
        },
      };
    }),
    {
      check: 'the account that URLs act as has an HMAC key that works',
      remedy: `gcloud storage hmac update ACCESS_ID --activate --project=${id}   # or a new one: docs/ops/operations.md, "Rotate keys"`,
      work: async () => {
        const account = `--service-account=url-reader@${id}.iam.gserviceaccount.com`;
        const found = ((await gcloud('storage', 'hmac', 'list', account)) ?? []) as readonly {
          readonly state?: string;
        }[];
        if (!found.some(({ state }) => state === 'ACTIVE')) throw new Error('none is active');
      },
    },
    {
      check: 'Pub/Sub may write dead letters',
      remedy: `gcloud pubsub topics add-iam-policy-binding ${deadLettersTopic} --role=roles/pubsub.publisher --member=serviceAccount:service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com`,
      work: async () => {
        const found = await bindings('pubsub', 'topics', 'get-iam-policy', deadLettersTopic);
        if (!found.some(({ role }) => role === 'roles/pubsub.publisher'))
          throw new Error('nobody may publish there');
      },
    },
  ];
}
