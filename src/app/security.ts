import { getCACertificates } from 'node:tls';
import type { Config, ListenTls } from '../config/config.ts';
import type { ReadFiles } from '../config/read-files.ts';
import type { ListenerOptions } from '../proxy/listening/listener.ts';
import type { UpstreamSecurity } from '../proxy/stream/dial.ts';

/** The files named by `listen.tls`, read. Throws the system's error, which names the file. */
export function listenerSecurity(
  { cert, key, ca, clientCertificate }: ListenTls,
  files: ReadFiles,
): ListenerOptions['tls'] {
  return {
    cert: files.read(cert),
    key: files.read(key),
    ...(ca !== undefined && { ca: files.read(ca) }),
    ...(ca === undefined && clientCertificate !== 'none' && { ca: knownCAs() }),
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'require',
  };
}

/** The files named by `upstream.tls`, read. Throws the system's error, which names the file. */
export function upstreamSecurity(
  { servers, tls: { ca, cert, key, serverName, verify } }: Config['upstream'],
  files: ReadFiles,
): UpstreamSecurity {
  return {
    ...(ca !== undefined && { ca: files.read(ca) }),
    ...(ca === undefined && verify && servers.some(({ tls }) => tls) && { ca: knownCAs() }),
    ...(cert !== undefined && { cert: files.read(cert) }),
    ...(key !== undefined && { key: files.read(key) }),
    serverName,
    verify,
  };
}

/** Those of the system's store, and those that Node brings along or was given (NODE_EXTRA_CA_CERTS): it alone would leave out the system's. */
function knownCAs(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
