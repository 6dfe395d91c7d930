/**
 * Loaded before a function (node --import): the Functions Framework listens on every interface of
 * the machine, and a local stack must be reached from this machine alone and reach nothing else.
 */
import net from 'node:net';
import { guardNetwork } from '../support/network-guard.ts';

guardNetwork();

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function onLoopback(this: net.Server, ...args: unknown[]) {
  const [port, ...rest] = args;
  const isPort = typeof port === 'number' || typeof port === 'string';
  const onPort = isPort ? [{ port: Number(port), host: '127.0.0.1' }, ...rest] : args;
  return Reflect.apply(listen, this, onPort) as net.Server;
} as typeof listen;
