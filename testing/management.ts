/** RabbitMQ's HTTP API, as guest: some ten milliseconds a call, where rabbitmqctl takes half a second. */
export class ManagementApi {
  readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  /** Returns the parsed answer, undefined for an empty one. Fails on any status but 2xx. */
  async call(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.port}/api/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  async createVhost(name: string): Promise<void> {
    await this.call('PUT', `vhosts/${encodeURIComponent(name)}`, {});
    await this.allow('guest', name);
  }

  /** Also closes the connections to it. */
  async deleteVhost(name: string): Promise<void> {
    await this.call('DELETE', `vhosts/${encodeURIComponent(name)}`);
  }

  /** A user without tags; `write` restricts what it may publish to (regular expression). */
  async createUser(name: string, password: string, vhost: string, write = '.*'): Promise<void> {
    await this.call('PUT', `users/${encodeURIComponent(name)}`, { password, tags: '' });
    await this.allow(name, vhost, write);
  }

  async deleteUser(name: string): Promise<void> {
    await this.call('DELETE', `users/${encodeURIComponent(name)}`);
  }

  private async allow(user: string, vhost: string, write = '.*'): Promise<void> {
    const path = `permissions/${encodeURIComponent(vhost)}/${encodeURIComponent(user)}`;
    await this.call('PUT', path, { configure: '.*', write, read: '.*' });
  }
}
