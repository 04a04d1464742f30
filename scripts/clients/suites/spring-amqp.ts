import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { readLines } from '../reading.ts';

export const springAmqp: Client = {
  name: 'spring-amqp',
  language: 'Java',
  version: '4.1.2',
  suite: 'an app of ours',
  source: { own: 'suites/spring-amqp' },
  minutes: 10,
  async prepare(folder) {
    const libraries = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    must('mvn', ['-q', '-B', 'compile', libraries, '-DoutputDirectory=target/libraries'], { cwd: folder });
  },
  async run(folder, broker) {
    const args = ['-cp', 'target/classes:target/libraries/*', 'App', broker.rabbitmqctl];
    return readLines(await suite(broker, 'java', args, { cwd: folder }));
  },
};
