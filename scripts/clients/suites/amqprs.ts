import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { readCargo } from '../reading.ts';

const FEATURES = ['-p', 'amqprs', '--features', 'traces,compliance_assert,urispec'];

export const amqprs: Client = {
  name: 'amqprs',
  language: 'Rust',
  version: '2.1.5',
  suite: 'its own',
  source: { git: 'gftea/amqprs', tag: 'v2.1.5' },
  minutes: 15,
  setUp: [
    ['add_user', 'user', 'bitnami'],
    ['set_user_tags', 'user', 'administrator'],
    ['set_permissions', 'user', '.*', '.*', '.*'],
  ],
  prepare: async (folder) => void must('cargo', ['test', '--no-run', '-q', ...FEATURES], { cwd: folder }),
  async run(folder, broker, only) {
    const names = only?.map((test) => test.split(' › ').at(-1) ?? test) ?? [];
    const args = ['test', '--offline', '--no-fail-fast', ...FEATURES, '--tests', '--', ...names];
    return readCargo(await suite(broker, 'cargo', args, { cwd: folder, env: { RUST_LOG: 'off' } }));
  },
};
