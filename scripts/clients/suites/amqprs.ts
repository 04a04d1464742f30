import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, Reachable, Results } from '../client.ts';
import { must, suite } from '../commands.ts';
import { readCargo } from '../reading.ts';

const FEATURES = 'traces,compliance_assert,urispec';
const PLAIN = ['-p', 'amqprs', '--features', FEATURES, '--tests'];
/** With its feature `tls` the tests that need a broker go over TLS, with a certificate of the client; unit tests do not. */
const TLS = ['-p', 'amqprs', '--features', `${FEATURES},tls`, '--test', '*'];
const OVER_TLS = 'over TLS › ';

export const amqprs: Client = {
  name: 'amqprs',
  language: 'Rust',
  version: '2.1.5',
  suite: 'its own',
  source: { git: 'gftea/amqprs', tag: 'v2.1.5' },
  minutes: 15,
  setUp: [
    ['add_user', 'user', 'bitnami'],
    ['set_user_tags', 'user', 'administrator'],
    ['set_permissions', 'user', '.*', '.*', '.*'],
  ],
  async prepare(folder) {
    // our broker's certificate is for this name
    const common = join(folder, 'amqprs/tests/common/mod.rs');
    writeFileSync(common, readFileSync(common, 'utf8').replace('"AMQPRS_TEST"', '"localhost"'));
    for (const variant of [PLAIN, TLS]) must('cargo', ['test', '--no-run', '-q', ...variant], { cwd: folder });
  },
  async run(folder, broker, only) {
    const certificates = join(folder, 'rabbitmq_conf/client');
    mkdirSync(certificates, { recursive: true });
    copyFileSync(broker.certificates.ca, join(certificates, 'ca_certificate.pem'));
    copyFileSync(broker.certificates.clientCert, join(certificates, 'client_AMQPRS_TEST_certificate.pem'));
    copyFileSync(broker.certificates.clientKey, join(certificates, 'client_AMQPRS_TEST_key.pem'));
    const plain = await tests(
      folder,
      broker,
      PLAIN,
      only?.filter((test) => !test.startsWith(OVER_TLS)),
    );
    const tls = await tests(
      folder,
      broker,
      TLS,
      only?.filter((test) => test.startsWith(OVER_TLS)),
    );
    return {
      ...plain,
      ...Object.fromEntries(Object.entries(tls).map(([test, outcome]) => [OVER_TLS + test, outcome])),
    };
  },
};

async function tests(folder: string, broker: Reachable, variant: string[], only?: string[]): Promise<Results> {
  if (only?.length === 0) return {};
  const names = only?.map((test) => test.split(' › ').at(-1) ?? test) ?? [];
  const args = ['test', '--offline', '--no-fail-fast', ...variant, '--', ...names];
  return readCargo(await suite(broker, 'cargo', args, { cwd: folder, env: { RUST_LOG: 'off' } }));
}
