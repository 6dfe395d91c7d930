/** The code and its deployment agree. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ENVIRONMENT_VARIABLES, LOCAL_ONLY } from '../functions/config.ts';
import { FUNCTIONS } from '../functions/registry.ts';
import { writesOfAStory } from '../test/support/recorded-writes.ts';
import { expiringCollections, functionTable } from './function-table.ts';
import { type Infrastructure, parseSources, readSources } from './terraform.ts';

let infra: Infrastructure;
beforeAll(async () => {
  infra = await parseSources(await readSources());
});

/** A function of the code in the words of functions.tf. */
function asDeployed({ trigger, secrets }: (typeof FUNCTIONS)[number]) {
  const common = { secrets: [...secrets] };
  if (trigger.kind === 'event') return { ...common, kind: trigger.source, routes: [] };
  if (trigger.kind === 'schedule') {
    const { kind, cron, path } = trigger;
    return { ...common, kind, routes: [], cron, path };
  }
  const routes = trigger.routes.map(({ path }) => path.replaceAll(/:\w+/g, '*'));
  return { ...common, kind: trigger.kind, routes: [...new Set(routes)] };
}

function differences(deployed: Readonly<Record<string, unknown>>): readonly string[] {
  const code = Object.fromEntries(FUNCTIONS.map((entry) => [entry.name, asDeployed(entry)]));
  const names = [...new Set([...Object.keys(code), ...Object.keys(deployed)])];
  return names.filter((name) => JSON.stringify(code[name]) !== JSON.stringify(deployed[name]));
}

const deployedFunctions = (of: Infrastructure): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(functionTable(of)).map(([name, { secrets, kind, routes, cron, path }]) => [
      name,
      { secrets, kind, routes, ...(cron && { cron }), ...(path && { path }) },
    ]),
  );

describe('functions', () => {
  it('are deployed, routed, scheduled and given secrets as functions/registry.ts says, and none else', () => {
    expect(differences(deployedFunctions(infra))).toEqual([]);
  });

  it('that only one side knows are found', async () => {
    const sources = await readSources();
    const text = sources['functions.tf'] ?? '';
    const unknown = text.replace('    sweep = {', '    backdoor = {');
    expect(unknown).not.toBe(text);
    const changed = await parseSources({ ...sources, 'functions.tf': unknown });
    expect(differences(deployedFunctions(changed))).toEqual(['sweep', 'backdoor']);
    const rerouted = text.replace('"/v1/keys"', '"/v1/key"');
    const other = await parseSources({ ...sources, 'functions.tf': rerouted });
    expect(differences(deployedFunctions(other))).toEqual(['keys']);
  });

  it('that publish events have an outbox unless the code says they have none', () => {
    const without = Object.entries(functionTable(infra)).flatMap(([name, { access }]) =>
      access.topics.includes('events') && access.firestore !== 'roles/datastore.user' ? [name] : [],
    );
    const declared = FUNCTIONS.filter(
      ({ services }) => services.includes('emit') && !services.includes('documents'),
    );
    expect(without).toEqual(declared.map(({ name }) => name));
  });

  it('that are no API may each be called by what triggers them', () => {
    const kinds = new Set(
      FUNCTIONS.map((entry) => asDeployed(entry).kind).filter(
        (kind) => kind !== 'http' && kind !== 'console',
      ),
    );
    expect(Object.keys(infra.locals['callers'] as object).sort()).toEqual([...kinds].sort());
  });

  it('get every variable that functions/config.ts reads, and no other', () => {
    const set = Object.keys(infra.locals['function_environment'] as object);
    // Read from Secret Manager, and only where a deployment has such keys.
    const optional = ['INTEGRITY_KEYS'];
    const secrets = FUNCTIONS.flatMap((entry): readonly string[] => entry.secrets);
    const byPlatform = ['K_SERVICE', 'FUNCTION_TARGET'];
    // Differ from function to function.
    const byFunction = ['INSTANCE_CONCURRENCY'];
    const expected = ENVIRONMENT_VARIABLES.filter(
      (name) =>
        ![...byPlatform, ...byFunction, ...secrets, ...optional].includes(name) &&
        !(LOCAL_ONLY as readonly string[]).includes(name),
    );
    expect(set.sort()).toEqual([...expected].sort());
  });
});

describe('the database', () => {
  it('deletes what the code gives an end, and nothing else', async () => {
    const { expiring, collections } = await writesOfAStory();
    // A story rotates no secret, rolls nothing out, orders and traces nothing: re-key, url-keys, rollout-health, release-order and leak.test.ts have those.
    expect([...expiringCollections(infra)].sort()).toEqual(
      [...expiring, 'leaks', 'orders', 'pseudonyms', 'rollouts', 'urlKeys', 'votes'].sort(),
    );
    expect(collections).toEqual(expect.arrayContaining(['devices', 'models', ...expiring]));
  });
});

describe('names', () => {
  it('refer only to variables, locals and resources that exist, and every variable is used', () => {
    const used = (pattern: RegExp) => [
      ...new Set([...infra.text.matchAll(pattern)].map(([, name = '']) => name)),
    ];
    expect(used(/\bvar\.(\w+)/g).sort()).toEqual(Object.keys(infra.variables).sort());
    expect(used(/\blocal\.(\w+)/g).filter((name) => !(name in infra.locals))).toEqual([]);
  });
});
