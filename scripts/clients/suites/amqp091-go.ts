import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { readGo } from '../reading.ts';

export const amqp091go: Client = {
  name: 'amqp091-go',
  language: 'Go',
  version: 'v1.16.0',
  suite: 'its own',
  source: { go: 'github.com/rabbitmq/amqp091-go' },
  // one test opens channels for minutes
  minutes: 45,
  async prepare(folder) {
    must('go', ['test', '-tags', 'integration', '-c', '-o', 'suite.test', '.'], { cwd: folder });
  },
  async run(folder, broker, only) {
    const functions = only && [...new Set(only.map((test) => test.split('/')[0]))];
    const wanted = functions ? ['-test.run', `^(${functions.join('|')})$`] : [];
    const args = ['tool', 'test2json', '-t', './suite.test', '-test.v=test2json', '-test.timeout', '44m', ...wanted];
    return readGo(
      await suite(broker, 'go', args, {
        cwd: folder,
        env: {
          AMQP_URL: 'amqp://guest:guest@127.0.0.1:5672/',
          RABBITMQ_RABBITMQCTL_PATH: broker.rabbitmqctl,
          GOFLAGS: '-mod=mod',
          GOPROXY: 'off',
        },
      }),
    );
  },
};
