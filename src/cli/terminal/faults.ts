import type { FaultRequest, FaultRow, FaultsAnswer, FaultsEnded } from '../../api.ts';
import { didYouMean, shown } from '../../config/nearest.ts';
import { UsageError } from '../arguments.ts';
import type { Arguments } from '../command.ts';
import { AdminClient } from './admin-client.ts';
import { lineWidth, print } from './output.ts';
import { type Column, table } from './table.ts';
import { age } from './text.ts';

const COLUMNS: readonly Column<FaultRow>[] = [
  { title: 'NAME', of: ({ name }) => name ?? '(configuration)' },
  { title: 'TYPE', of: ({ type }) => type },
  { title: 'TOXICITY', of: ({ toxicity }) => String(toxicity), right: true, drop: 2 },
  { title: 'ATTRIBUTES', of: ({ attributes }) => pairs(attributes) || '-', least: 10, drop: 3 },
  { title: 'MATCH', of: ({ match }) => pairs(match), least: 10, drop: 1 },
  {
    title: 'LEFT',
    of: ({ secondsLeft }) => (secondsLeft === null ? 'until ended' : age(Math.ceil(secondsLeft))),
    right: true,
  },
];

const VERBS = ['list', 'add', 'end'];

/** `tracehare faults list|add|end`. */
export async function run(given: Arguments): Promise<void> {
  const [verb = 'list', ...words] = given.words;
  if (!VERBS.includes(verb)) {
    const offer = didYouMean(verb, VERBS) || ': expects list, add or end';
    throw new UsageError(`faults: unknown word \`${shown(verb)}\`${offer}`);
  }
  const client = new AdminClient(given);
  const { json, all } = given.options;
  if (verb === 'list') {
    if (words.length > 0) throw new UsageError('faults list takes no name');
    const answer = await client.get<FaultsAnswer>('/api/faults');
    if (json) print(JSON.stringify(answer));
    else if (answer.faults.length === 0)
      print(answer.enabled ? 'no faults' : 'no faults; none can be added, faults.enabled is not true');
    else for (const line of table(COLUMNS, answer.faults, lineWidth())) print(line);
  } else if (verb === 'add') {
    const row = await client.change<FaultRow>('POST', '/api/faults', requestOf(words, given));
    print(
      json
        ? JSON.stringify(row)
        : `${row.name}: ${row.secondsLeft === null ? `until \`tracehare faults end ${row.name}\`` : `for ${age(Math.ceil(row.secondsLeft))}`}`,
    );
  } else {
    if (words.length > 1 || (words.length === 0) !== (all === true))
      throw new UsageError('faults end needs a name, or --all');
    if (words.length > 0 && !/^[\w.-]{1,64}$/.test(words[0]))
      throw new UsageError(`no fault can be called \`${shown(words[0])}\``);
    const path = words.length === 0 ? '/api/faults' : `/api/faults/${words[0]}`;
    const { ended } = await client.change<FaultsEnded>('DELETE', path);
    print(json ? JSON.stringify({ ended }) : ended.length === 0 ? 'there were none' : `ended: ${ended.join(', ')}`);
  }
}

function requestOf([type, ...attributes]: string[], { options, lists }: Arguments): FaultRequest {
  if (type === undefined)
    throw new UsageError('faults add needs a type: tracehare faults add latency latency=200ms --for 30s');
  const { name, stream, toxicity } = options;
  const match = lists.match ?? [];
  return {
    type,
    ...(name !== undefined && { name: String(name) }),
    ...(stream !== undefined && { stream: stream as 'upstream' | 'downstream' }),
    ...(toxicity !== undefined && { toxicity: Number(toxicity) }),
    ...(options.for !== undefined && { for: String(options.for) }),
    ...(attributes.length > 0 && {
      attributes: Object.fromEntries(attributes.map((each) => pair('attribute', each, true))),
    }),
    ...(match.length > 0 && { match: Object.fromEntries(match.map((each) => pair('--match', each, false))) }),
  };
}

/** A number is one only where numbers are meant: patterns are text. */
function pair(what: string, text: string, numbers: boolean): [string, unknown] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`${what} \`${shown(text)}\`: expects KEY=VALUE`);
  const value = text.slice(at + 1);
  return [text.slice(0, at), numbers && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value];
}

const pairs = (values: object): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ');
