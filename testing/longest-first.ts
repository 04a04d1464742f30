import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They take a minute and more, most of it waiting. */
const LONG = [
  'test/soak/soak.test.ts',
  'test/end-to-end/handler-time.test.ts',
  'test/end-to-end/waiting.test.ts',
  'test/behaviour/php-amqplib.test.ts',
  'test/behaviour/bunny.test.ts',
  'test/behaviour/amqplib-connection.test.ts',
  'test/fuzz/fuzz.test.ts',
  'test/demo/demo.test.ts',
  'test/process/drain.test.ts',
];

/**
 * Long files begin first, so that no worker is alone with one at the end. Vitest knows how long a file took only where
 * it ran before, and starts with the largest elsewhere.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONG.findIndex((name) => moduleId.endsWith(name));
      return index < 0 ? LONG.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
