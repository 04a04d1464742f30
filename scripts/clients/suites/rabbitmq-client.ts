import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { literally, readJunit } from '../reading.ts';

export const rabbitmqClient: Client = {
  name: 'rabbitmq-client',
  language: 'JavaScript',
  version: '5.0.8',
  suite: 'its own',
  source: { git: 'cody-greene/node-rabbitmq-client', tag: 'v5.0.8' },
  minutes: 10,
  prepare: async (folder) => void must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder }),
  async run(folder, broker, only) {
    const report = join(broker.scratch, 'report.xml');
    const files = readdirSync(join(folder, 'test')).filter((file) => file.endsWith('.ts'));
    await suite(
      broker,
      process.execPath,
      [
        ...['-r', 'ts-node/register/transpile-only', '--test', '--test-timeout=60000', '--test-concurrency=1'],
        ...['--test-reporter=junit', `--test-reporter-destination=${report}`],
        ...(only ?? []).map((test) => `--test-name-pattern=/${literally(test.split(' › ').at(-1) ?? test)}/`),
        ...files.map((file) => join('test', file)),
      ],
      { cwd: folder, env: { RABBITMQ_URL: 'amqp://guest:guest@127.0.0.1:5672' } },
    );
    return readJunit(report);
  },
};
