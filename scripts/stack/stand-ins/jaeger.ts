import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { BASE } from './debian.ts';
import { goProgram } from './go-program.ts';
import { built } from './stand-in.ts';

export const VERSION = 'v1.76.0';

/** The newest that Go's module proxy has: later ones bear versions that a module of its name can't have. */
export const jaeger = built(
  `Jaeger 2.13.0, built from github.com/jaegertracing/jaeger ${VERSION}, without its page`,
  `FROM ${BASE}
COPY --chmod=0755 jaeger /jaeger
USER 10001
ENTRYPOINT ["/jaeger"]
`,
  async (folder) => {
    const program = await goProgram({
      module: 'github.com/jaegertracing/jaeger',
      version: VERSION,
      path: './cmd/jaeger',
      name: 'jaeger',
    });
    cpSync(program, join(folder, 'jaeger'));
  },
);
