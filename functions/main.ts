/**
 * The module that the Functions Framework loads: registers the function that FUNCTION_TARGET names,
 * and no other, so that an instance imports only what it serves.
 */
import { guardNewServers } from './api/ingress.ts';
import { createServices } from './composition.ts';
import { processConfig } from './config.ts';
import { gracefulShutdown } from './graceful-shutdown.ts';
import { maxBodyBytes, registerFunction } from './register.ts';
import { FUNCTIONS } from './registry.ts';

const config = processConfig();
const entry = FUNCTIONS.find(({ name }) => name === config.functionTarget);
if (!entry) throw new Error('FUNCTION_TARGET names no function');
const services = await createServices(config, entry);
const handle = await registerFunction(entry, services);
guardNewServers(services, { maxBodyBytes: maxBodyBytes(entry), handle });
gracefulShutdown(services.drain);
