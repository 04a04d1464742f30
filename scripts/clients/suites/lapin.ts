import type { Client } from '../client.ts';
import { must, suite } from '../commands.ts';
import { readCargo } from '../reading.ts';

/** Tokio is its default; one of its tests runs on smol. */
const FEATURES = ['--features', 'smol'];

export const lapin: Client = {
  name: 'lapin',
  language: 'Rust',
  version: '4.7.4',
  suite: 'its own',
  source: { git: 'amqp-rs/lapin', tag: 'v4.7.4' },
  minutes: 10,
  prepare: async (folder) => void must('cargo', ['test', '--no-run', '-q', ...FEATURES, '--tests'], { cwd: folder }),
  async run(folder, broker, only) {
    const names = only?.map((test) => test.split(' › ').at(-1) ?? test) ?? [];
    const args = ['test', '--offline', '--no-fail-fast', ...FEATURES, '--tests', '--', ...names];
    return readCargo(
      await suite(broker, 'cargo', args, {
        cwd: folder,
        env: { AMQP_ADDR: 'amqp://guest:guest@127.0.0.1:5672/%2f', RUST_LOG: 'error' },
      }),
    );
  },
};
