import type { ListenTls, UpstreamTls } from '../config/config.ts';
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
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'require',
  };
}

/** The files named by `upstream.tls`, read. Throws the system's error, which names the file. */
export function upstreamSecurity(
  { ca, cert, key, serverName, verify }: UpstreamTls,
  files: ReadFiles,
): UpstreamSecurity {
  return {
    ...(ca !== undefined && { ca: files.read(ca) }),
    ...(cert !== undefined && { cert: files.read(cert) }),
    ...(key !== undefined && { key: files.read(key) }),
    serverName,
    verify,
  };
}
