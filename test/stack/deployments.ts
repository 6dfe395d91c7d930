/** Functions that are deployed anew with other settings, on the services of a stack, behind one address. */
import { kmsKeys } from '../../functions/cloud/kms.ts';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import type { Services } from '../../functions/services.ts';
import { type FrontDoor, functionRoutes, startFrontDoor } from './front-door.ts';
import { type FunctionHost, startFunctionsInProcess } from './function-host.ts';
import { freePort } from './ports.ts';
import type { Stack } from './stack.ts';

export interface Deployments {
  /** Where apps call, whatever is deployed. */
  readonly baseUrl: string;
  /** Puts the functions with these settings in the place of those before; what an operator works with then. */
  deploy(changes?: Readonly<Record<string, string>>): Promise<Services>;
  stop(): Promise<void>;
}

/** Nothing is deployed at first. What follows events is the stack's own, which has no secret. */
export async function startDeployments(stack: Stack): Promise<Deployments> {
  const port = await freePort();
  let serving:
    | {
        readonly host: FunctionHost;
        readonly door: FrontDoor;
        readonly keys: ReturnType<typeof kmsKeys>;
      }
    | undefined;
  const stop = async () => {
    await serving?.door.stop();
    await serving?.host.stop();
    await serving?.keys.close();
    serving = undefined;
  };
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    async deploy(changes = {}) {
      const environment = { ...stack.environment, ...changes };
      const config = loadConfig(environment);
      // Which versions sign is the one setting that a client has.
      const { kmsKeys: keysOf, signingKeys, endpoints } = config;
      const { kms: endpoint = '' } = endpoints;
      const keys = kmsKeys({ keys: keysOf, signingKeys, endpoint });
      const clients = { ...stack.clients, keys };
      const host = await startFunctionsInProcess({
        ...{ clients, environment, logFolder: stack.logFolder },
      });
      await stop();
      serving = { keys, host, door: await startFrontDoor(functionRoutes(host.ports), port) };
      const secrets = ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] as const;
      return createServices(config, { name: 'drill', secrets }, clients, () => undefined);
    },
    stop,
  };
}
