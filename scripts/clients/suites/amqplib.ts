import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { literally, readJunit } from '../reading.ts';

export const amqplib: Client = {
  name: 'amqplib',
  language: 'JavaScript',
  version: '2.0.1',
  suite: 'its own',
  source: { git: 'amqp-node/amqplib', tag: 'v2.0.1' },
  minutes: 5,
  prepare: async (folder) => void must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder }),
  async run(folder, broker, only) {
    const report = join(broker.scratch, 'report.xml');
    const files = readdirSync(join(folder, 'test')).filter((file) => file.endsWith('.test.js'));
    await suite(
      broker,
      process.execPath,
      [
        '--test',
        // its own limit of a second for a test is for a machine that has nothing else to do
        '--test-timeout=10000',
        '--test-reporter=junit',
        `--test-reporter-destination=${report}`,
        ...(only ?? []).map((test) => `--test-name-pattern=/${literally(test.split(' › ').at(-1) ?? test)}/`),
        ...files.map((file) => join('test', file)),
      ],
      { cwd: folder },
    );
    return readJunit(report);
  },
};
