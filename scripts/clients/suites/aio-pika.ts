import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client.ts';
import { pytest, virtualEnvironment } from '../python.ts';

/** Its tests start a broker in a container; ours is there already. */
const NO_CONTAINER = `
from dataclasses import dataclass, field


class DockerNotAvailableError(Exception):
    pass


class DockerHostInfo:
    pass


@dataclass
class ContainerInfo:
    id: str
    host: str = '127.0.0.1'
    ports: dict = field(default_factory=lambda: {'5672/tcp': 5672, '5671/tcp': 5671})


def check_docker_available():
    return DockerHostInfo()


class DockerClient:
    def __init__(self, info):
        pass

    def run(self, image, ports, environment=None):
        return ContainerInfo(image)

    def kill(self, container_id):
        pass

    remove = kill
`;

export const aioPika: Client = {
  name: 'aio-pika',
  language: 'Python',
  version: '9.6.0',
  suite: 'its own',
  source: { git: 'mosquito/aio-pika', tag: '9.6.0' },
  // it reconnects through a slow proxy of its own for minutes
  minutes: 45,
  async prepare(folder) {
    virtualEnvironment(folder, ['.', 'pytest', 'pytest-timeout', 'aiomisc>=18', 'aiomisc-pytest', 'shortuuid']);
    writeFileSync(join(folder, 'tests/docker_client.py'), NO_CONTAINER);
  },
  run: (folder, broker, only) => pytest(folder, broker, ['--timeout=180', 'tests'], only),
};
