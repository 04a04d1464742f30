import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client.ts';
import { pytest, virtualEnvironment } from '../python.ts';

export const pyAmqp: Client = {
  name: 'py-amqp',
  language: 'Python',
  version: '5.3.1',
  suite: 'its own',
  source: { git: 'celery/py-amqp', tag: 'v5.3.1' },
  minutes: 10,
  async prepare(folder) {
    virtualEnvironment(folder, ['.', 'pytest<8', 'pytest-timeout']);
  },
  run(folder, broker, only) {
    // The broker of its own CI has a certificate that is not in the source: both sides get ours instead.
    const certificates = join(folder, 't/certs');
    copyFileSync(broker.certificates.ca, join(certificates, 'ca_certificate.pem'));
    copyFileSync(broker.certificates.clientCert, join(certificates, 'client_certificate.pem'));
    copyFileSync(broker.certificates.clientKey, join(certificates, 'client_key.pem'));
    // without pytest-rerunfailures: what fails runs once more alone before it counts
    return pytest(folder, broker, ['--timeout=120', '-E', 'rabbitmq', 't/integration'], only);
  },
};
