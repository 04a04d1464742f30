import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { literally, readJunit } from '../reading.ts';

export const amqpClient: Client = {
  name: 'amqp-client',
  language: 'JavaScript',
  version: '4.1.0',
  suite: 'its own',
  source: { git: 'cloudamqp/amqp-client.js', tag: 'v4.1.0' },
  minutes: 10,
  async prepare(folder) {
    must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
    // its limits for 100,000 messages are for a machine that has nothing else to do
    const tests = join(folder, 'test/test.ts');
    const patient = readFileSync(tests, 'utf8')
      .replaceAll('wait(5000)', 'wait(60_000)')
      .replaceAll('10_000)', '120_000)');
    writeFileSync(tests, patient);
  },
  async run(folder, broker, only) {
    const report = join(broker.scratch, 'report.xml');
    const titles = only?.map((test) => literally(test.split(' › ').at(-1)?.split(' > ').at(-1) ?? test));
    const wanted = titles ? ['-t', titles.join('|')] : [];
    await suite(
      broker,
      process.execPath,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--no-file-parallelism',
        '--testTimeout=20000',
        '--reporter=default',
        '--reporter=junit',
      ].concat(`--outputFile.junit=${report}`, wanted),
      { cwd: folder },
    );
    return readJunit(report);
  },
};
