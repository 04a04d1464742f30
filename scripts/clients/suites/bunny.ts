import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '../client.ts';
import { suite } from '../commands.ts';
import { readRspec } from '../reading.ts';

const STAND_INS = fileURLToPath(new URL('bunny', import.meta.url));
const CTL_VHOST = ['-p', 'bunny_testbed'];

export const bunny: Client = {
  name: 'bunny',
  language: 'Ruby',
  version: '2.19.0',
  suite: 'its own',
  source: { git: 'ruby-amqp/bunny', tag: '2.19.0' },
  minutes: 20,
  config: ['management.rates_mode = basic', 'collect_statistics_interval = 500'],
  setUp: [
    ['add_vhost', 'bunny_testbed'],
    ['add_user', 'bunny_gem', 'bunny_password'],
    ['set_permissions', ...CTL_VHOST, 'bunny_gem', '.*', '.*', '.*'],
    ['set_permissions', ...CTL_VHOST, 'guest', '.*', '.*', '.*'],
    ['add_user', 'bunny_reader', 'reader_password'],
    ['set_permissions', ...CTL_VHOST, 'bunny_reader', '^---$', '^---$', '.*'],
  ],
  async prepare(folder) {
    // gems that Debian does not have
    cpSync(STAND_INS, join(folder, 'stand-ins'), { recursive: true });
    mkdirSync(join(folder, 'certificates'));
  },
  async run(folder, broker, only) {
    const certificates = join(folder, 'certificates');
    copyFileSync(broker.certificates.ca, join(certificates, 'ca_certificate.pem'));
    copyFileSync(broker.certificates.clientCert, join(certificates, 'client_certificate.pem'));
    copyFileSync(broker.certificates.clientKey, join(certificates, 'client_key.pem'));
    const report = join(broker.scratch, 'report.json');
    const names =
      only?.map((test) =>
        test
          .split(' › ')
          .slice(1)
          .join(' › ')
          .replace(/ \(\d+\)$/, ''),
      ) ?? [];
    await suite(
      broker,
      'rspec',
      [
        ...['-I', 'stand-ins', '-I', 'lib', '-I', 'spec', '--format', 'progress', '--format', 'json', '--out', report],
        ...names.flatMap((name) => ['--example', name]),
        ...['spec/higher_level_api', 'spec/lower_level_api', 'spec/issues', 'spec/unit'],
      ],
      { cwd: folder, env: { BUNNY_CERTIFICATE_DIR: certificates, RUBYOPT: '-W0' } },
    );
    return readRspec(report);
  },
};
