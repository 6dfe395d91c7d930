import net from 'node:net';

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3}|localhost)$/;

/**
 * Makes every TCP connection of this process to a non-loopback host fail at once with an error
 * that names the host. Unix sockets and loopback go through.
 */
export function guardNetwork(): void {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function guarded(this: net.Socket, ...args: unknown[]) {
    const host = targetHost(args);
    if (host !== undefined && !LOOPBACK.test(host)) {
      throw new Error(`connection to ${host} refused: only loopback is allowed here`);
    }
    return Reflect.apply(connect, this, args) as net.Socket;
  } as typeof connect;
}

/** The host a `Socket.connect` call names; undefined for a Unix socket. A missing host means localhost. */
function targetHost(args: readonly unknown[]): string | undefined {
  // net.connect() hands Socket.connect one already normalised array: [options, callback].
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === 'object' && first !== null) {
    const options = first as { path?: string; host?: string };
    return options.path ? undefined : (options.host ?? 'localhost');
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) return undefined;
  return typeof second === 'string' ? second : 'localhost';
}
