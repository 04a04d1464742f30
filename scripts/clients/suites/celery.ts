import type { Client } from '../client.ts';
import { pytest, virtualEnvironment } from '../python.ts';

export const celery: Client = {
  name: 'celery',
  language: 'Python',
  version: '5.7.0',
  suite: 'an app of ours',
  source: { own: 'suites/celery' },
  minutes: 15,
  async prepare(folder) {
    virtualEnvironment(folder, ['celery==5.7.0', 'pytest', 'pytest-timeout']);
  },
  run: (folder, broker, only) =>
    pytest(folder, broker, ['--timeout=300', 'test_celery.py'], only, { RABBITMQCTL: broker.rabbitmqctl }),
};
