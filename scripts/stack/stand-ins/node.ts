import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../commands.ts';
import { BASE } from './debian.ts';
import { built } from './stand-in.ts';

const NODE = `node-${process.platform}-${process.arch}@24.22.3`;
const NPM = 'npm@11.21.2';

/** npm asks where this machine asks, and trusts whom it trusts. */
export const node = built(
  `Debian bookworm with ${NODE} and ${NPM} of the npm registry`,
  `FROM ${BASE}
COPY node/bin/node /usr/local/bin/
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && node --version && npm --version
COPY npmrc /usr/local/etc/
COPY ca.crt /usr/local/share/npm-ca.crt
ENV NODE_EXTRA_CA_CERTS=/usr/local/share/npm-ca.crt
`,
  async (folder) => {
    for (const [spec, name] of [
      [NODE, 'node'],
      [NPM, 'npm'],
    ]) {
      const [{ filename }] = JSON.parse(await must('npm', ['pack', spec, '--json', '--silent'], { cwd: folder }));
      await must('tar', ['xzf', filename], { cwd: folder });
      await must('mv', ['package', name], { cwd: folder });
    }
    const registry = await must('npm', ['config', 'get', 'registry'], { cwd: folder });
    writeFileSync(join(folder, 'npmrc'), `registry=${registry}`);
    const authorities = process.env.NODE_EXTRA_CA_CERTS;
    if (authorities) cpSync(authorities, join(folder, 'ca.crt'), { dereference: true });
    else writeFileSync(join(folder, 'ca.crt'), readFileSync('/etc/ssl/certs/ca-certificates.crt'));
  },
);
