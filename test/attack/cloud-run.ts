/**
 * Who reaches a function on Google Cloud, read from the Terraform of infra/: Cloud Run checks where
 * a request comes from and, of a worker, whose identity token it bears, before our code hears of it.
 */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { at, type Infrastructure, parseSources, type Value } from '../../infra/terraform.ts';
import type { Mutant } from './mutant.ts';

const FILES = ['functions.tf', 'iam.tf', 'edge.tf', 'pubsub.tf'];

export const readInfrastructure = (mutant: Mutant): Promise<Infrastructure> =>
  parseSources(Object.fromEntries(FILES.map((name) => [name, mutant.read(`infra/${name}`)])));

export interface Arrival {
  readonly functionName: string;
  readonly from: 'internet' | 'load balancer' | 'this project';
  readonly path?: string;
  /** An identity token of Google's. */
  readonly token?: string;
}

/** `403` or `404` as Cloud Run answers; null where the function is called. */
export async function refusalOf(
  infra: Infrastructure,
  { functionName, from, path = '/', token }: Arrival,
  jwksUri: string,
): Promise<string | null> {
  const table = infra.locals['table'] as Readonly<Record<string, Value>>;
  const isHttp = at(table[functionName] as Value, ['kind']) === 'http';
  const service = infra.resources.find(({ type }) => type === 'google_cloud_run_v2_service');
  const ingress = choose(service?.body['ingress'], isHttp);
  if (from === 'internet' && ingress !== 'INGRESS_TRAFFIC_ALL') return '404 ingress';
  if (from === 'load balancer') {
    const onlyPublic = String(infra.locals['public_functions']).includes(
      'if function.kind == "http"',
    );
    if (!isHttp && onlyPublic) return '404 not routed';
    if (ingress === 'INGRESS_TRAFFIC_INTERNAL_ONLY') return `404 ingress of ${path}`;
  }
  if (choose(service?.body['invoker_iam_disabled'], isHttp) === true) return null;
  return (await mayInvoke(infra, functionName, token, jwksUri)) ? null : '403 invoker';
}

async function mayInvoke(
  infra: Infrastructure,
  functionName: string,
  token: string | undefined,
  jwksUri: string,
): Promise<boolean> {
  const grants = infra.resources.filter(
    ({ type, name }) => type === 'google_cloud_run_v2_service_iam_member' && name === 'invoker',
  );
  const member = String(grants[0]?.body['member']);
  if (member === 'allUsers') return true;
  if (token === undefined) return false;
  const audience = `https://${functionName}.run.app`;
  const email = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), { audience }).then(
    ({ payload }) => payload['email'],
    () => undefined,
  );
  if (email === undefined) return false;
  if (member === 'allAuthenticatedUsers') return true;
  const invokers = grants[0]?.body['for_each'] as Readonly<Record<string, string>> | undefined;
  return email === `invoker-${invokers?.[functionName]}@project.iam.gserviceaccount.com`;
}

/** A value, or what the one condition that functions.tf uses makes of it. */
function choose(value: Value | undefined, isHttp: boolean): Value {
  const text = String(value);
  const [, then, otherwise] =
    /^\$\{each\.value\.kind == "http" \? "(\w+)" : "(\w+)"\}$/.exec(text) ?? [];
  if (then !== undefined && otherwise !== undefined) return isHttp ? then : otherwise;
  return text === `\${each.value.kind == "http"}` ? isHttp : (value ?? null);
}
