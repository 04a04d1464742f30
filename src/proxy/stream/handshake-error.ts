const NO_TLS = "speaks no TLS: set --upstream to an amqp:// URL, or to the broker's port for TLS, 5671 by default";
const NO_CA = 'name the CA that signed it by upstream.tls.ca';

/** What to do about the errors that a TLS handshake with an upstream ends with. */
const CURES: Record<string, string> = {
  CERT_HAS_EXPIRED: 'renew it on the broker',
  CERT_NOT_YET_VALID: "look at both machines' clocks",
  SELF_SIGNED_CERT_IN_CHAIN: NO_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: NO_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_CA,
  UNABLE_TO_GET_ISSUER_CERT: NO_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_CA,
  ERR_TLS_CERT_ALTNAME_INVALID: 'name one that it has by upstream.tls.serverName',
};

/** The error of a dial in one line, with the cure where it is known: OpenSSL's own words tell nobody what to do. */
export function dialError(error: NodeJS.ErrnoException & { reason?: string }, tls: boolean): Error {
  const { code = '' } = error;
  if (!tls) return error;
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE|BAD_RECORD_TYPE)$/.test(code))
    return Object.assign(new Error(NO_TLS), { code });
  if (code === 'ECONNRESET')
    return Object.assign(new Error(`ended the TLS handshake: is it the broker's port for TLS, 5671 by default?`), {
      code,
    });
  // Node's advice to run it in another way is none for whoever runs Tracehare
  const what = code.startsWith('ERR_SSL') ? `TLS: ${error.reason ?? code}` : error.message.split(/;|\n/)[0].trim();
  const cure = CURES[code];
  return Object.assign(new Error(cure === undefined ? what : `${what}: ${cure}`), { code });
}
