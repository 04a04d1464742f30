import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, Reachable } from '../client.ts';
import { must, suite } from '../commands.ts';
import { readJunit } from '../reading.ts';

const VERSION = '5.35.0';
const REPORTS = 'target/surefire-reports';

/** All of its suites but HaTestSuite, which wants a second node. */
const SUITES = ['ClientTestSuite', 'FunctionalTestSuite', 'SslTestSuite', 'ServerTestSuite'];

/**
 * Its build makes the client's classes from the broker's sources. They are in the released jar as well, so that one
 * is tested: the same tests and the same libraries, but no sources of its own.
 */
function testsOnly(pom: string): string {
  const released = `<dependency><groupId>com.rabbitmq</groupId><artifactId>amqp-client</artifactId><version>${VERSION}</version></dependency>`;
  const build = `<build><sourceDirectory>none</sourceDirectory><plugins>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.13.0</version></plugin><plugin>
    <artifactId>maven-surefire-plugin</artifactId><version>3.5.3</version>
    <configuration><includes>${SUITES.map((name) => `<include>**/${name}.java</include>`).join('')}</includes>
    <argLine>-Xmx1g</argLine></configuration></plugin></plugins></build>`;
  return (
    pom
      .replace(/<profiles>[\s\S]*?<\/profiles>/, '')
      .replace(/<build>[\s\S]*<\/build>/, build)
      .replace('<artifactId>amqp-client</artifactId>', '<artifactId>amqp-client-tests</artifactId>')
      // the versions before have libraries that Maven Central lacks
      .replace(/(<micrometer.version>)[^<]*/, '$11.17.2')
      .replace(/(<micrometer-tracing-test.version>)[^<]*/, '$11.7.2')
      .replace('<properties>', '<properties><maven.compiler.release>17</maven.compiler.release>')
      .replace(/(\n {2}<dependencies>)/, `$1${released}`)
  );
}

export const amqpClientJava: Client = {
  name: 'amqp-client-java',
  language: 'Java',
  version: VERSION,
  suite: 'its own, without a cluster',
  source: { git: 'rabbitmq/rabbitmq-java-client', tag: `v${VERSION}` },
  minutes: 60,
  // called as the test class is
  exempt: ['/^conn_Transactions_/', '/^conn_QosTests_permutations-/'],
  setUp: [
    ['add_vhost', 'test'],
    ['set_permissions', '-p', 'test', 'guest', '.*', '.*', '.*'],
  ],
  async prepare(folder) {
    const pom = join(folder, 'pom.xml');
    writeFileSync(pom, testsOnly(readFileSync(pom, 'utf8')));
    // with one test, so that what runs tests is there too when there is no network
    must('mvn', ['-q', '-B', 'test', '-Dtest=AddressTest'], { cwd: folder });
  },
  async run(folder, broker, only) {
    must('rm', ['-rf', REPORTS], { cwd: folder });
    const methods = only?.map((test) => {
      const [group, method] = test.split(' › ');
      return `${group.split('.').at(-1)}#${method.replace(/[({[].*/, '')}`;
    });
    const wanted = methods ? [`-Dtest=${[...new Set(methods)].join(',')}`] : [];
    await suite(broker, 'mvn', ['-o', '-B', 'surefire:test', ...wanted, ...properties(broker)], { cwd: folder });
    return readJunit(join(folder, REPORTS));
  },
};

function properties({ rabbitmqctl, certificates }: Reachable): string[] {
  return [
    `-Drabbitmqctl.bin=${rabbitmqctl}`,
    '-Dtest-broker.A.nodename=rabbit@localhost',
    `-Dca.certificate=${certificates.ca}`,
    `-Dserver.certificate=${certificates.cert}`,
    `-Dclient.certificate=${certificates.clientCert}`,
    `-Dclient.key=${certificates.clientKey}`,
  ];
}
