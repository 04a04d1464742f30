import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { BASE } from './debian.ts';
import { type GoProgram, goProgram } from './go-program.ts';
import { built, type StandIn } from './stand-in.ts';

/** The two are alike: a program, a folder for its data, nobody as user, and wget for the health check. */
function standIn(what: string, program: GoProgram): StandIn {
  const { name } = program;
  return built(
    `${what}, built from ${program.module} ${program.version}, without its page`,
    `FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists
COPY --chmod=0755 ${name} /bin/${name}
RUN mkdir /${name} && chown nobody:nogroup /${name}
USER nobody
WORKDIR /${name}
ENTRYPOINT ["/bin/${name}"]
`,
    async (folder) => cpSync(await goProgram(program), join(folder, name)),
  );
}

export const prometheus = standIn('Prometheus 3.5.0', {
  module: 'github.com/prometheus/prometheus',
  version: 'v0.305.0',
  path: './cmd/prometheus',
  name: 'prometheus',
});

export const alertmanager = standIn('Alertmanager 0.28.1', {
  module: 'github.com/prometheus/alertmanager',
  version: 'v0.28.1',
  path: './cmd/alertmanager',
  name: 'alertmanager',
});
