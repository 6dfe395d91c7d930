/** The examples are complete and would be taken: by Terraform's variables, and by the functions. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from '@cdktn/hcl2json';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../functions/config.ts';
import { testEnvironment } from '../test/support/environment.ts';
import { parseSources, readSources } from './terraform.ts';

describe.each(['dev', 'prod'])('examples/%s.tfvars', (name) => {
  const read = async () => {
    const file = `${name}.tfvars`;
    const text = await readFile(join(import.meta.dirname, 'examples', file), 'utf8');
    return (await parse(file, text)) as Record<string, unknown>;
  };

  it('sets variables that exist, and all that have no default', async () => {
    const { variables } = await parseSources(await readSources());
    const given = Object.keys(await read());
    expect(given.filter((variable) => !variables[variable])).toEqual([]);
    const needed = Object.entries(variables).filter(([, body]) => !('default' in body));
    expect(needed.map(([variable]) => variable).filter((each) => !given.includes(each))).toEqual(
      [],
    );
  });

  it('gives the functions a configuration that they start with', async () => {
    const values = await read();
    const environment = {
      ...testEnvironment(),
      K_SERVICE: 'grant',
      OIDC_ISSUERS: JSON.stringify(values['oidc_issuers']),
      ATTESTATION_POLICY: String(values['attestation_policy_json']),
    };
    expect(() => loadConfig(environment)).not.toThrow();
  });
});
