import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pageOf } from '../../src/admin/page.ts';
import type { EventsOf, StateAnswer, TopicRow, TopicsAnswer } from '../../src/api.ts';
import { pageText } from '../../src/page-text.ts';

/** What a scripted sidecar says. Paths are those below `/api/`, without parameters. */
export interface Script {
  state: StateAnswer;
  topics: TopicRow[];
  answers: Record<string, unknown>;
}

export interface Scripted {
  url: string;
  /** requests that came, with their parameters */
  asked: string[];
  /** how many are told of events now */
  listening(): number;
  /** whether it knows the token of those who ask from now on; those who listen are cut off */
  refuse(refuses: boolean): void;
  /** tells all who listen */
  tell<K extends keyof EventsOf>(name: K, data: EventsOf[K]): void;
  close(): Promise<void>;
}

/** Serves the built page and answers by the contract what it is told to: any number of topics without their traffic. */
export async function startScripted(script: Script): Promise<Scripted> {
  const page = pageOf(await pageText());
  const asked: string[] = [];
  const listeners = new Set<ServerResponse>();
  let refuses = false;
  const server = createServer((request, response) => {
    const url = new URL(request.url as string, 'http://localhost');
    asked.push(`${url.pathname}${url.search}`);
    if (url.pathname === '/livez') return response.end('ok\n');
    if (refuses) return response.writeHead(401).end('this needs the token\n');
    const path = url.pathname.replace(/^\/(api\/)?/, '');
    if (path === '') {
      response.setHeader('Content-Security-Policy', page.policy);
      return response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page.html);
    }
    if (path === 'events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      listeners.add(response);
      response.once('close', () => listeners.delete(response));
      send(response, 'state', script.state);
      if (url.searchParams.get('of')?.includes('topics')) send(response, 'topics', topicsFor(script, url.searchParams));
      return response;
    }
    const answer = script.answers[path];
    if (answer === undefined) return response.writeHead(404).end('nobody knows that\n');
    return response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    listening: () => listeners.size,
    refuse(yes) {
      refuses = yes;
      for (const each of listeners) each.end();
    },
    tell(name, data) {
      for (const each of listeners) send(each, name, data);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function send<K extends keyof EventsOf>(response: ServerResponse, name: K, data: EventsOf[K]): void {
  response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Sorts by topic or rates, which is enough to see that the page asks for what it shows. */
function topicsFor({ state, topics }: Script, query: URLSearchParams): EventsOf['topics'] {
  const search = (query.get('search') ?? '').toLowerCase();
  const matching = topics.filter(({ topic }) => topic.toLowerCase().includes(search));
  const sort = query.get('sort') ?? 'topic';
  const by = sort.replace('-', '') as 'topic' | 'published';
  matching.sort((a, b) => (by === 'topic' ? a.topic.localeCompare(b.topic) : b.published - a.published));
  if (sort.startsWith('-')) matching.reverse();
  const offset = Number(query.get('offset') ?? 0);
  const rows = matching.slice(offset, offset + Number(query.get('limit') ?? 50));
  const told: Omit<TopicsAnswer, 'topics'> = {
    sidecars: state.sidecars,
    at: Date.now(),
    matching: matching.length,
    line: lineTimes(),
  };
  return { ...told, order: rows.map(({ topic, pipeline }) => JSON.stringify([topic, pipeline])), topics: rows };
}

export function lineTimes(): TopicsAnswer['line'] {
  return { startAt: Date.now() - 900_000, stepMs: 10_000, points: 90 };
}
