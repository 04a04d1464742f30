import { readFileSync } from 'node:fs';
import type { ListenTls, UpstreamTls } from './config/config.ts';
import type { UpstreamSecurity } from './proxy/dial.ts';
import type { ListenerOptions } from './proxy/listener.ts';

/** The files named by `listen.tls`, read. Throws the system's error, which names the file. */
export function listenerSecurity({ cert, key, ca, clientCertificate }: ListenTls): ListenerOptions['tls'] {
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'require',
  };
}

/** The files named by `upstream.tls`, read. Throws the system's error, which names the file. */
export function upstreamSecurity({ ca, cert, key, serverName, verify }: UpstreamTls): UpstreamSecurity {
  return {
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
    serverName,
    verify,
  };
}
