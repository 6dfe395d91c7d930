/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
/**
 * Who reaches a function on Google Cloud, read from the Terraform of infra/: Cloud Run checks where
 * a request comes from and, of a worker, whose identity token it bears, before our code hears of it.
 */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import {
  at,
  type Block,
  type Infrastructure,
  parseSources,
  type Value,
} from '../../infra/terraform.ts';
import type { Mutant } from './mutant.ts';

const FILES = ['edge.tf', 'functions.tf', 'iam.tf', 'services.tf'];

const INVOKER_OF_ROW = 'serviceAccount:${google_service_account.invoker[each.value].email}';
const CALLER_BY_KIND =
  'local.callers[function.kind] if contains(keys(local.callers), function.kind)';

export const readInfrastructure = (mutant: Mutant): Promise<Infrastructure> =>
  parseSources(Object.fromEntries(FILES.map((name) => [name, mutant.read(`infra/${name}`)])));

export interface Arrival {
  readonly functionName: string;
  readonly from: 'internet' | 'load balancer' | 'this project';
  readonly path?: string;
  /** An identity token of Google's. */
  readonly token?: string;
}

/**
 * `403` or `404` as Cloud Run answers; null where the function is called. Throws for Terraform that it
 * cannot read: what nobody understands refuses nothing.
 */
export async function refusalOf(
  infra: Infrastructure,
  { functionName, from, path = '/', token }: Arrival,
  jwksUri: string,
): Promise<string | null> {
  const table = infra.locals['table'] as Readonly<Record<string, Value>>;
  const kind = String(at(table[functionName], ['kind']));
  const service = bodyOf(infra, 'google_cloud_run_v2_service', 'function');
  const ingress = String(choose(service['ingress'], kind));
  if (!ingress.startsWith('INGRESS_TRAFFIC_')) throw unread('ingress', ingress);
  if (from === 'internet' && ingress !== 'INGRESS_TRAFFIC_ALL') return '404 ingress';
  if (from === 'load balancer') {
    if (!isRouted(infra, table[functionName], path)) return '404 not routed';
    if (ingress === 'INGRESS_TRAFFIC_INTERNAL_ONLY') return `404 ingress of ${path}`;
  }
  const isOpen = choose(service['invoker_iam_disabled'], kind);
  if (typeof isOpen !== 'boolean') throw unread('invoker_iam_disabled', String(isOpen));
  if (isOpen) return null;
  return (await mayInvoke(infra, functionName, kind, token, jwksUri)) ? null : '403 invoker';
}

/** Whether the URL map of edge.tf leads from this path, which is no template, to the function of this row. */
function isRouted({ locals }: Infrastructure, row: Value | undefined, path: string): boolean {
  const routes = JSON.stringify(locals['routes'] ?? '');
  if (!routes.includes('in local.public_functions[name].routes')) throw unread('routes', routes);
  const functions = String(locals['public_functions']);
  const [known, filter] =
    /name => function( if function\.kind == "http")? \}\}$/.exec(functions) ?? [];
  if (known === undefined) throw unread('public_functions', functions);
  if (filter !== undefined && at(row, ['kind']) !== 'http') return false;
  const paths = at(row, ['routes']);
  return Array.isArray(paths) && paths.includes(path);
}

async function mayInvoke(
  infra: Infrastructure,
  functionName: string,
  kind: string,
  token: string | undefined,
  jwksUri: string,
): Promise<boolean> {
  const grant = bodyOf(infra, 'google_cloud_run_v2_service_iam_member', 'invoker');
  const member = String(grant['member']);
  if (member === 'allUsers') return true;
  const isForAll = member === 'allAuthenticatedUsers';
  if (!isForAll && member !== INVOKER_OF_ROW) throw unread('member', member);
  if (token === undefined) return false;
  const audience = `https://${functionName}.run.app`;
  const email = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), { audience }).then(
    ({ payload }) => payload['email'],
    () => undefined,
  );
  if (email === undefined) return false;
  if (isForAll) return true;
  const rows = String(grant['for_each']);
  if (!rows.includes(CALLER_BY_KIND)) throw unread('for_each', rows);
  const caller = at(infra.locals['callers'], [kind]);
  if (typeof caller !== 'string') throw unread('callers', String(caller));
  return email === `invoker-${caller}@project.iam.gserviceaccount.com`;
}

function bodyOf({ resources }: Infrastructure, type: string, name: string): Block {
  const found = resources.find((resource) => resource.type === type && resource.name === name);
  if (!found) throw unread(type, name);
  return found.body;
}

const unread = (what: string, text: string) =>
  new Error(`cannot read ${what} of the Terraform: ${text}`);

/** A value, or what services.tf makes of the kind of a function. */
function choose(value: Value | undefined, kind: string): Value {
  const text = String(value);
  const [, named = '', otherwise] =
    /^\$\{lookup\(\{ (.+) \}, each\.value\.kind, "(\w+)"\)\}$/.exec(text) ?? [];
  const byKind = Object.fromEntries(
    [...named.matchAll(/(\w+) = "(\w+)"/g)].map(([, name = '', chosen = '']) => [name, chosen]),
  );
  if (otherwise !== undefined) return byKind[kind] ?? otherwise;
  const [, kinds] = /^\$\{contains\(\[(.+)\], each\.value\.kind\)\}$/.exec(text) ?? [];
  return kinds === undefined ? (value ?? null) : kinds.includes(`"${kind}"`);
}
