/**
 * Jest set-up of every test file: no test may reach an address outside the loopback range.
 * Google's clients probe the metadata server as soon as they start unless told not to.
 */
import { guardNetwork } from './network-guard.ts';

process.env['METADATA_SERVER_DETECTION'] = 'none';
guardNetwork();
