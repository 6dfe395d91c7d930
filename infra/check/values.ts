/**
 * Every value of a plan, a line each: `infra/check/planned/`. A change of the deployment shows there, whatever
 * it is, and is read by whoever reviews it; a change that nobody meant fails the check.
 */
import { createHash } from 'node:crypto';
import type { Value } from '../terraform.ts';
import type { Plan } from './plan.ts';

/** Longer ones (schemas, queries, the dashboard) have tests of their own: here, whether they changed. */
const MAX_LENGTH = 600;
/** Members that tell one element of a list from the others. */
const NAMES = ['name', 'priority', 'title', 'id', 'log_type'];

const REPEATED = ['effective_labels', 'terraform_labels'];

type Values = ReadonlyMap<string, string>;

/** The lines of a plan: of each resource what all of its instances share, then where they differ. */
export function linesOf({ resource_changes: changes, configuration }: Plan): readonly string[] {
  const blocks = new Map<string, { key: string; values: Values; unknown: ReadonlySet<string> }[]>();
  for (const { mode, type, name, index, change } of changes) {
    if (mode !== 'managed') continue;
    const instances = blocks.get(`${type}.${name}`) ?? [];
    instances.push({
      key: String(index ?? ''),
      values: flat(change.after),
      unknown: new Set([...flat(change.after_unknown)].map(([path]) => withoutPlaces(path))),
    });
    blocks.set(`${type}.${name}`, instances);
  }
  const lines: string[] = [];
  const written = [...configuration.root_module.resources];
  for (const {
    address,
    expressions = null,
    for_each_expression,
    count_expression,
    depends_on,
  } of written.sort((a, b) => (a.address < b.address ? -1 : 1))) {
    const instances = blocks.get(address) ?? [];
    lines.push(`${address}${instances.length === 1 ? '' : ` × ${instances.length}`}`);
    const each = references(for_each_expression ?? count_expression ?? null);
    if (each) lines.push(`  for <- ${each}`);
    lines.push(...shared(instances));
    const unknown = new Set(instances.flatMap((each) => [...each.unknown]));
    for (const [path, from] of referencesIn(expressions))
      if (unknown.has(path)) lines.push(`  ${path} <- ${from}`);
    if (depends_on) lines.push(`  after ${[...depends_on].sort().join(', ')}`);
  }
  for (const [path, from] of referencesIn(configuration.root_module.outputs ?? null))
    lines.push(`output ${path} <- ${from}`);
  return lines;
}

/** One line where all instances agree; else one for each value, with those that have it. */
function shared(instances: readonly { key: string; values: Values }[]): readonly string[] {
  const paths = [...new Set(instances.flatMap(({ values }) => [...values.keys()]))].sort();
  return paths.flatMap((path) => {
    const found = instances.flatMap(({ key, values }) => {
      const value = values.get(path);
      return value === undefined ? [] : [{ key, value }];
    });
    const distinct = (values: readonly string[]) =>
      found.length === instances.length && new Set(values).size === 1 ? values[0] : undefined;
    const same =
      distinct(found.map(({ value }) => value)) ??
      distinct(found.map(({ key, value }) => (key ? value.replace(word(key), '{key}') : value)));
    if (same !== undefined) return [`  ${path} = ${same}`];
    return [...Map.groupBy(found, ({ value }) => value)].map(
      ([value, those]) => `  ${path} = ${value} (${those.map(({ key }) => key).join(', ')})`,
    );
  });
}

const word = (text: string) => new RegExp(`(?<![a-z])${RegExp.escape(text)}(?![a-z])`, 'g');

/** Every leaf by its path; empty ones are left out, and labels that the provider repeats. */
function flat(value: Value, path = '', found = new Map<string, string>()): Map<string, string> {
  const at = (step: string) => (path && step ? `${path}.${step}` : path || step);
  if (Array.isArray(value)) {
    const list = value as readonly Value[];
    if (list.length > 0 && list.every((each) => typeof each !== 'object'))
      found.set(path, shortened(JSON.stringify(list)));
    for (const [place, element] of list.entries()) {
      if (typeof element !== 'object') continue;
      const name = nameOf(element) ?? (list.length > 1 ? String(place) : '');
      flat(element, at(name && `[${name}]`), found);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value))
      if (!REPEATED.includes(key)) flat(member, at(key), found);
  } else if (value !== null && value !== '') {
    found.set(path, shortened(JSON.stringify(value)));
  }
  return found;
}

function nameOf(element: Value): string | undefined {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) return undefined;
  const members = element as { readonly [key: string]: Value };
  const name = NAMES.find((each) => ['string', 'number'].includes(typeof members[each]));
  return name && String(members[name]);
}

const shortened = (text: string) =>
  text.length <= MAX_LENGTH
    ? text
    : `${text.length} characters, SHA-256 ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;

const withoutPlaces = (path: string) => path.replace(/\.?\[[^\]]*\]/g, '');

/** Where what is known only later comes from. */
function referencesIn(
  value: Value,
  path = '',
  found = new Map<string, string>(),
): Map<string, string> {
  if (Array.isArray(value)) {
    for (const element of value as readonly Value[]) referencesIn(element, path, found);
  } else if (typeof value === 'object' && value !== null) {
    const from = references(value);
    if (from)
      found.set(path, [...new Set([found.get(path) ?? '', from])].filter(Boolean).join('; '));
    else
      for (const [key, member] of Object.entries(value))
        referencesIn(member, path ? `${path}.${key}` : key, found);
  }
  return found;
}

function references(value: Value): string {
  const list = (value as { readonly references?: readonly string[] } | null)?.references;
  return Array.isArray(list) ? [...list].sort().join(' ') : '';
}
