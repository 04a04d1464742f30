import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client.ts';
import { suite } from '../commands.ts';
import { literally, readJunit } from '../reading.ts';

/** Instead of Composer's: the library is in the same source, phpseclib comes from Debian. */
const AUTOLOAD = `<?php
spl_autoload_register(function ($class) {
    foreach (['PhpAmqpLib\\\\Tests\\\\' => 'tests/', 'PhpAmqpLib\\\\' => 'PhpAmqpLib/'] as $prefix => $folder) {
        if (strpos($class, $prefix) !== 0) continue;
        $file = __DIR__ . '/../' . $folder . str_replace('\\\\', '/', substr($class, strlen($prefix))) . '.php';
        if (is_file($file)) { require $file; return; }
    }
});
foreach (['phpseclib3/autoload.php', 'phpseclib/autoload.php'] as $file) {
    if (stream_resolve_include_path($file)) { require_once $file; break; }
}
`;

export const phpAmqplib: Client = {
  name: 'php-amqplib',
  language: 'PHP',
  version: '3.5.3',
  suite: 'its own',
  source: { git: 'php-amqplib/php-amqplib', tag: 'v3.5.3' },
  minutes: 10,
  certificates: {
    ca: 'tests/certs/ca_certificate.pem',
    cert: 'tests/certs/server_certificate.pem',
    key: 'tests/certs/server_key.pem',
  },
  async prepare(folder) {
    mkdirSync(join(folder, 'vendor'));
    writeFileSync(join(folder, 'vendor/autoload.php'), AUTOLOAD);
    // it waits forever if the signal comes before it is connected
    const signalled = join(folder, 'tests/Functional/Channel/ChannelWaitTest.php');
    writeFileSync(signalled, readFileSync(signalled, 'utf8').replace('deferSignal(0.5)', 'deferSignal(5)'));
  },
  async run(folder, broker, only) {
    const report = join(broker.scratch, 'report.xml');
    const names = only?.map((test) => literally((test.split(' › ').at(-1) ?? test).split(' with data set')[0]));
    const wanted = names ? ['--filter', `/::(${[...new Set(names)].join('|')})( with|$)/`] : [];
    const args = ['--bootstrap', 'tests/bootstrap.php', '--no-configuration', '--log-junit', report];
    await suite(broker, 'phpunit', [...args, ...wanted, 'tests'], { cwd: folder });
    return readJunit(report);
  },
};
