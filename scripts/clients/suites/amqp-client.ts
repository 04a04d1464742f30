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
  prepare: async (folder) => void must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder }),
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
        '--reporter=junit',
      ].concat(`--outputFile=${report}`, wanted),
      { cwd: folder },
    );
    return readJunit(report);
  },
};
