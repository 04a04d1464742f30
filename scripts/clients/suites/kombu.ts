import type { Client } from '../client.ts';
import { pytest, virtualEnvironment } from '../python.ts';

export const kombu: Client = {
  name: 'kombu',
  language: 'Python',
  version: '5.7.0',
  suite: 'its own, for RabbitMQ',
  source: { pypi: 'kombu==5.7.0' },
  minutes: 10,
  async prepare(folder) {
    virtualEnvironment(folder, ['.', 'pytest', 'pytest-timeout', 'pytest-freezer', 'hypothesis']);
  },
  run: (folder, broker, only) => pytest(folder, broker, ['--timeout=120', 't/integration/test_py_amqp.py'], only),
};
