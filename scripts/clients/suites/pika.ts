import type { Client } from '../client.ts';
import { pytest, virtualEnvironment } from '../python.ts';

export const pika: Client = {
  name: 'pika',
  language: 'Python',
  version: '1.4.4',
  suite: 'its own',
  source: { git: 'pika/pika', tag: '1.4.4' },
  minutes: 10,
  certificates: {
    ca: 'testdata/certs/ca_certificate.pem',
    cert: 'testdata/certs/server_certificate.pem',
    key: 'testdata/certs/server_key.pem',
  },
  async prepare(folder) {
    virtualEnvironment(folder, ['.', 'pytest', 'pytest-timeout', 'twisted', 'tornado', 'gevent']);
  },
  run: (folder, broker, only) =>
    pytest(folder, broker, ['--timeout=120', '-o', 'python_files=*_test.py *_tests.py', 'tests/acceptance'], only),
};
